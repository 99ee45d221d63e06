"""How surfaces answer to light: one small fragment shader for every 3D view, with a few numbers for each material.

Three lights stand with the camera (key above left, fill at the right, rim behind), as lamps of a dental photograph do. The diffuse part wraps
round the edge and is warmed there, which is what a little translucency looks like; it costs no pass of its own, so it also runs on software OpenGL.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """wrap: how far light creeps round the edge, 0 to 1. gloss: strength, and shine: sharpness, of the highlight. glow: strength of the warm edge."""

    wrap: float
    gloss: float
    shine: float
    glow: float
    flat: bool = False  # its plain colour, no light


MATERIALS = {
    "enamel": Material(wrap=0.34, gloss=0.34, shine=48.0, glow=0.5),
    "gum": Material(wrap=0.42, gloss=0.16, shine=22.0, glow=0.35),
    "stone": Material(wrap=0.22, gloss=0.06, shine=12.0, glow=0.1),
    "ghost": Material(wrap=0.3, gloss=0.2, shine=30.0, glow=0.0),
    "rim": Material(0.0, 0.0, 1.0, 0.0, flat=True)}

LIGHT = """
  vec3 n = normalize(normalVCVSOutput);
  vec3 v = normalize(-vertexVC.xyz);
  float facing = clamp(dot(n, v), 0.0, 1.0);
  vec3 base = diffuseColor * diffuseColor;
  base = mix(base, tint.rgb * tint.rgb, tint.a);
  if (lit.w > 0.5) {
    gl_FragData[0] = vec4(sqrt(base), opacity);
  } else if (!gl_FrontFacing) {
    gl_FragData[0] = vec4(sqrt(inside * inside * (0.25 + 0.75 * facing)), opacity);
  } else {
    vec3 key = vec3(-0.412, 0.549, 0.727);
    vec3 fill = vec3(0.766, 0.069, 0.639);
    vec3 rim = vec3(0.2, 0.72, -0.66);
    float a = dot(n, key), b = dot(n, fill), c = dot(n, rim);
    float w = lit.x;
    float wrapped = max(0.0, (a + w) / (1.0 + w));
    float soft = wrapped * wrapped;
    float creep = max(0.0, soft - max(0.0, a) * max(0.0, a));
    vec3 light = vec3(1.0, 0.975, 0.94) * 0.86 * mix(soft, wrapped, 0.45);
    light += vec3(0.88, 0.94, 1.0) * 0.25 * max(0.0, (b + w) / (1.0 + w));
    light += mix(vec3(0.17, 0.145, 0.135), vec3(0.3, 0.315, 0.34), 0.5 + 0.5 * n.y) * 0.8;
    vec3 colour = base * light + base * vec3(1.0, 0.55, 0.38) * creep * material.w;
    float edge = 1.0 - facing;
    colour *= 1.0 - 0.42 * edge * edge;
    colour += base * vec3(1.0, 0.93, 0.85) * max(0.0, c) * edge * 0.55;
    float h = max(0.0, dot(n, normalize(key + v)));
    float g = max(0.0, dot(n, normalize(fill + v)));
    float spark = pow(h, material.z) + 0.25 * pow(h, material.z * 0.18) + 0.22 * pow(g, material.z);
    colour += material.y * spark * (0.35 + 0.65 * facing) * vec3(0.55, 0.56, 0.58);
    colour = colour / (1.0 + 0.22 * max(colour.r, max(colour.g, colour.b)));
    colour = mix(colour, tint.rgb, 0.22 * tint.a * edge);
    gl_FragData[0] = vec4(sqrt(clamp(colour * 1.12, 0.0, 1.0)), opacity);
  }
"""
