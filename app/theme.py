"""Dark and light: the tokens as palette and style sheet. Follows the system unless the person chose."""

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from widgets import tokens

CHOICES = ("system", "dark", "light")


class Theme(QObject):
    """Dresses the application; `choose` changes it while it runs."""

    def __init__(self, application: QApplication, choice: str = "system") -> None:
        super().__init__(application)
        self._application, self.choice = application, choice
        application.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.choose(choice)

    def choose(self, choice: str) -> None:
        """One of CHOICES; anything else counts as "system"."""
        self.choice = choice if choice in CHOICES else "system"
        dark = self.choice == "dark" or (self.choice == "system" and system_is_dark())
        theme = tokens.DARK if dark else tokens.LIGHT
        tokens.use(theme)
        self._application.setPalette(palette(theme))
        self._application.setStyleSheet(sheet(theme))

    def _system_changed(self) -> None:
        if self.choice == "system":
            self.choose("system")


def system_is_dark() -> bool:
    """What the desktop asks for; light where it says nothing."""
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def palette(theme: tokens.Tokens) -> QPalette:
    """Every role that a Fusion widget paints with."""
    role, result = QPalette.ColorRole, QPalette()
    for name, colour in ((role.Window, theme.window), (role.WindowText, theme.text), (role.Base, theme.control),
                         (role.AlternateBase, theme.panel), (role.Text, theme.text), (role.Button, theme.control),
                         (role.ButtonText, theme.text), (role.BrightText, theme.bad), (role.ToolTipBase, theme.panel),
                         (role.ToolTipText, theme.text), (role.PlaceholderText, theme.muted), (role.Highlight, theme.accent),
                         (role.HighlightedText, theme.window), (role.Link, theme.accent), (role.Mid, theme.border),
                         (role.Dark, theme.border), (role.Light, theme.panel), (role.Shadow, theme.window)):
        result.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, name, QColor(theme.muted))
    return result


def sheet(theme: tokens.Tokens) -> str:
    """The style sheet: what a palette cannot say."""
    return f"""
* {{ font-size: {tokens.BODY_PX}px; }}
QWidget#window, QWidget#stage {{ background: {theme.window}; }}
QWidget#topBar, QFrame#jobRow, QFrame#logPanel, QFrame#noticeBar, QFrame#questionBar, QWidget#panel {{ background: {theme.panel}; }}
QWidget#topBar, QFrame#noticeBar, QFrame#questionBar {{ border-bottom: 1px solid {theme.border}; }}
QFrame#jobRow, QFrame#logPanel {{ border-top: 1px solid {theme.border}; }}
QFrame#noticeBar[kind="bad"] {{ border-left: 3px solid {theme.bad}; }}
QFrame#noticeBar[kind="warn"] {{ border-left: 3px solid {theme.warn}; }}
QFrame#noticeBar[kind="info"] {{ border-left: 3px solid {theme.accent}; }}
QFrame#welcome {{ background: {theme.control}; border-top: 1px solid {theme.border}; }}
QFrame#overlay {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: {tokens.RADIUS_PX + 4}px; }}
QFrame#card {{ background: {theme.control}; border-radius: {tokens.RADIUS_PX}px; }}
QLabel {{ background: transparent; }}
QLabel#section {{ font-size: {tokens.SECTION_PX}px; font-weight: 600; }}
QLabel#brand {{ font-size: {tokens.SECTION_PX}px; font-weight: 600; }}
QLabel#caption, QLabel#captionHead {{ font-size: {tokens.CAPTION_PX}px; color: {theme.muted}; }}
QLabel#captionHead {{ font-weight: 600; }}
QLabel#key {{ font-size: {tokens.CAPTION_PX}px; color: {theme.muted}; background: {theme.control}; border-radius: 4px; padding: 2px 6px; }}
QPushButton {{ background: {theme.control}; border: 1px solid {theme.border}; border-radius: {tokens.RADIUS_PX}px;
    padding: 4px 12px; min-height: {tokens.CONTROL_PX - 12}px; }}
QPushButton:hover {{ border-color: {theme.muted}; }}
QPushButton:focus {{ border: 2px solid {theme.accent}; padding: 3px 11px; }}
QPushButton:disabled {{ color: {theme.muted}; border-color: {theme.control}; }}
QPushButton#primary {{ background: {theme.accent}; color: {theme.window}; border-color: {theme.accent}; font-weight: 600; }}
QPushButton#primary:disabled {{ background: {theme.control}; color: {theme.muted}; border-color: {theme.control}; }}
QPushButton#quiet {{ background: transparent; border-color: transparent; color: {theme.muted}; }}
QPushButton#quiet:hover {{ color: {theme.text}; }}
QPushButton#quiet:focus {{ border-color: {theme.accent}; }}
QPushButton[chip="true"] {{ padding: 0 2px; min-height: {tokens.CONTROL_PX - 2}px; }}
QPushButton[chip="true"]:checked {{ background: {theme.accent}; color: {theme.window}; border-color: {theme.accent}; }}
QPushButton[chip="true"][side="b"]:checked {{ background: {theme.second}; border-color: {theme.second}; }}
QPushButton#toggle {{ padding: 0 8px; min-height: {tokens.CONTROL_PX - 2}px; color: {theme.muted}; background: transparent; border-color: transparent; }}
QPushButton#toggle:checked {{ color: {theme.text}; background: {theme.control}; border-color: {theme.border}; }}
QPushButton#toggle:focus {{ border: 2px solid {theme.accent}; padding: 0 7px; }}
QPushButton#tab {{ background: transparent; border: none; border-bottom: 2px solid transparent; border-radius: 0; padding: 6px 12px; color: {theme.muted}; }}
QPushButton#tab[tight="true"] {{ padding: 6px 6px; }}
QPushButton#tab:checked {{ color: {theme.text}; border-bottom-color: {theme.accent}; }}
QPushButton#tab:focus {{ color: {theme.accent}; }}
QPushButton#search {{ color: {theme.muted}; text-align: left; }}
QLineEdit, QComboBox, QPlainTextEdit {{ background: {theme.control}; border: 1px solid {theme.control}; border-radius: {tokens.RADIUS_PX}px;
    padding: 2px 6px; selection-background-color: {theme.accent}; selection-color: {theme.window}; }}
QLineEdit:hover, QComboBox:hover {{ border-color: {theme.border}; }}
QLineEdit:focus, QComboBox:focus {{ border: 2px solid {theme.accent}; padding: 1px 5px; }}
QComboBox {{ combobox-popup: 0; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox QAbstractItemView {{ background: {theme.panel}; border: 1px solid {theme.border}; selection-background-color: {theme.accent};
    selection-color: {theme.window}; outline: none; }}
QComboBox QAbstractItemView::item {{ min-height: {tokens.CONTROL_PX - 4}px; padding: 0 4px; }}
QToolButton {{ background: transparent; border: none; border-radius: {tokens.RADIUS_PX}px; }}
QToolButton:hover {{ background: {theme.control}; }}
QToolButton:checked {{ background: {theme.control}; }}
QToolButton:focus {{ border: 2px solid {theme.accent}; }}
QToolButton#fold, QToolButton#fold:checked {{ background: transparent; }}
QFrame#hairline {{ background: {theme.border}; border: none; }}
QMenuBar {{ background: {theme.panel}; color: {theme.text}; }}
QMenuBar::item {{ padding: 4px 10px; background: transparent; }}
QMenuBar::item:selected {{ background: {theme.control}; }}
QMenu {{ background: {theme.panel}; border: 1px solid {theme.border}; padding: 4px; }}
QMenu::item {{ padding: 5px 28px 5px 22px; border-radius: 4px; }}
QMenu::item:selected {{ background: {theme.control}; }}
QMenu::item:disabled {{ color: {theme.muted}; }}
QMenu::separator {{ height: 1px; background: {theme.border}; margin: 4px 8px; }}
QTableView {{ background: transparent; border: none; outline: none; selection-background-color: {theme.control}; selection-color: {theme.text}; }}
QHeaderView {{ background: transparent; }}
QHeaderView::section {{ background: transparent; color: {theme.muted}; border: none; font-size: {tokens.CAPTION_PX}px; padding: 2px; }}
QTableCornerButton::section {{ background: transparent; border: none; }}
QListWidget {{ background: transparent; border: none; outline: none; }}
QListWidget::item {{ padding: 6px 8px; border-radius: 4px; }}
QListWidget::item:selected {{ background: {theme.control}; color: {theme.text}; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; }}
QScrollBar::handle {{ background: {theme.border}; border-radius: 3px; min-height: 24px; min-width: 24px; margin: 2px; }}
QScrollBar::handle:hover {{ background: {theme.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; height: 0; width: 0; }}
QProgressBar {{ background: {theme.control}; border: none; border-radius: 2px; }}
QProgressBar::chunk {{ background: {theme.accent}; border-radius: 2px; }}
QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; padding: 4px 6px; }}
"""
