"""Why an image is found or not, with the one command that leads on. Pure: facts in, verdict out.

:mod:`.deciding` has the order of the rules, each of the other modules the rules on one subject.
"""
