"""Layer trees: the folder that a build request describes (design, section 8).

The code here runs inside a builder, without network, on materials that were verified.
"""
