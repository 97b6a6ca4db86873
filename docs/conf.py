"""How Sphinx builds the site: `make docs`. Nothing is fetched: pages, notebooks and docstrings of this repository."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_extensions")]

# Notebooks run in processes of their own, which take the package from here too.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from l2l_tf.version import __version__

project = "l2l_tf"
author = "the authors of l2l_tf"
copyright = "the authors of l2l_tf, Apache-2.0"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "repository", "results"]
exclude_patterns = ["_extensions", "Thumbs.db"]
templates_path: list[str] = []

html_theme = "furo"
html_title = f"l2l_tf {version}"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings are Google's style. A word between single backticks is code, as in the rest of this repository.
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_preprocess_types = False
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100

nb_execution_mode = "auto"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_output_stderr = "remove"  # TensorFlow's remarks on the machine

# Pages of this site that stand elsewhere in the repository: file to page. See `repository`.
mirrored_pages = {
    "results/claims.md": "understand/claims",
    **{
        f"l2l_tf/pretrained/{card.parent.name}/README.md": f"use/cards/{card.parent.name}"
        for card in sorted((ROOT / "l2l_tf" / "pretrained").glob("*/README.md"))
    },
}
