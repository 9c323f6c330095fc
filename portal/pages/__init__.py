"""The portal's pages: one module a subject, with a template folder of the same name.

A page finds the tenant (entry.py), calls one operation or report, and shows the answer in words.
"""
