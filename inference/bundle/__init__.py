"""Make, check and fetch bundles: the folders of models that inference.model.checkpoint loads.

`making` turns what an operator downloaded into a bundle, `checking` looks at a finished one,
`fetching` brings the public files (`sources` says which, `hub` how, `book` that they are the same
ever after) and makes the bundle of them. `commands` is the face of all three on the command line.
"""
