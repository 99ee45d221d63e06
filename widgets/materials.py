"""How surfaces answer to light: one small fragment shader for every 3D view, with a few numbers for each material.

Three lights stand with the camera (key above left, fill at the right, rim behind), as lamps of a dental photograph do. The diffuse part wraps
round the edge and is warmed there, which is what a little translucency looks like; it costs no pass of its own, so it also runs on software OpenGL.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """wrap: how far light creeps round the edge, 0 to 1. gloss: strength, and shine: sharpness 0 to 1, of the highlight. glow: strength of the warm edge."""

    wrap: float
    gloss: float
    shine: float
    glow: float
    flat: bool = False  # its plain colour, no light
    inside: str = "INSIDE"  # token of its back


MATERIALS = {
    "enamel": Material(wrap=0.34, gloss=0.34, shine=1.0, glow=0.5, inside="DENTIN"),
    "gum": Material(wrap=0.42, gloss=0.16, shine=0.2, glow=0.35),
    "stone": Material(wrap=0.22, gloss=0.06, shine=0.0, glow=0.1, inside="DENTIN"),
    "ghost": Material(wrap=0.3, gloss=0.2, shine=0.5, glow=0.0),
    "rim": Material(0.0, 0.0, 0.0, 0.0, flat=True)}

LIGHT = """
  vec3 n = normalVCVSOutput;
  float facing = clamp(n.z, 0.0, 1.0);
  vec3 base = mix(diffuseColor * diffuseColor, tint.rgb * tint.rgb, tint.a);
  if (lit.w > 0.5) {
    gl_FragData[0] = vec4(sqrt(base), opacity);
  } else if (!gl_FrontFacing) {
    gl_FragData[0] = vec4(inside * (0.45 + 0.55 * facing), opacity);
  } else {
    float a = dot(n, vec3(-0.412, 0.549, 0.727));
    float b = max(0.0, dot(n, vec3(0.766, 0.069, 0.639)) * lit.y + lit.z);
    float hard = max(0.0, a);
    float wrapped = max(0.0, a * lit.y + lit.z);
    float soft = wrapped * wrapped;
    float edge = 1.0 - facing;
    vec3 light = vec3(0.86, 0.838, 0.808) * (0.55 * soft + 0.45 * wrapped) + vec3(0.22, 0.235, 0.25) * b
               + vec3(0.188, 0.184, 0.19) + vec3(0.052, 0.068, 0.082) * n.y
               + vec3(1.0, 0.55, 0.38) * (material.w * max(0.0, soft - hard * hard));
    light *= 1.0 - 0.42 * edge * edge;
    light += vec3(0.55, 0.51, 0.47) * (edge * max(0.0, dot(n, vec3(0.2, 0.72, -0.66))));
    float h = max(0.0, dot(n, vec3(-0.222, 0.295, 0.929)));
    float g = max(0.0, dot(n, vec3(0.423, 0.038, 0.905)));
    float h4 = h * h * h * h, h8 = h4 * h4, h16 = h8 * h8, g8 = g * g * g * g;
    g8 *= g8;
    float spark = mix(h16, h16 * h16 * h16, material.z) + 0.25 * h8 + 0.22 * mix(g8 * g8, g8 * g8 * g8 * g8, material.z);
    vec3 colour = base * light + vec3(0.55, 0.56, 0.58) * (material.y * spark * (0.35 + 0.65 * facing));
    colour *= 1.12 / (1.0 + 0.22 * colour.r);
    gl_FragData[0] = vec4(sqrt(clamp(colour, 0.0, 1.0)), opacity);
  }
"""
