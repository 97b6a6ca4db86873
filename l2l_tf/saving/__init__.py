"""What is kept on disk: the folder of a saved optimizer, files that are whole or not there, where a result comes from.

May import: unrolling, networks. Imported by: pretrained, evaluation, training, deployment, commands.
"""
