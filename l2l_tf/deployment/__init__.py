"""Where trained rules are used: as a Keras optimizer, and as a SavedModel that needs neither this package nor Sonnet.

`application` applies networks to variables, for both. Never meta-training code.

May import: pretrained, saving, fast, unrolling, networks. Imported by: commands and users.
"""
