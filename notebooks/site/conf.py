"""Settings of the site, for Sphinx."""

from importlib.metadata import version as installed_version

project = "levychaos"
author = "The levychaos developers"
copyright = author
version = release = installed_version("levychaos")

extensions = [
    "myst_nb",
    "notebooks.mathml",
    "numpydoc",
    "sphinx.ext.autodoc",
]
exclude_patterns = ["_*"]  # what other pages include
default_role = "py:obj"  # `simulate` in a docstring is the function

html_theme = "furo"
pygments_dark_style = "a11y-high-contrast-dark"  # of the theme; its default underlines imports
html_title = "levychaos"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False

nb_execution_mode = "off"  # `python -m notebooks` has run them
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # sliders need no kernel here, nor a network
myst_enable_extensions = ["amsmath", "dollarmath", "attrs_block"]
myst_heading_anchors = 3
nb_code_prompt_show = "Show the solution"
nb_code_prompt_hide = "Hide the solution"

autodoc_typehints = "none"  # numpydoc's sections say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
