"""Plans: what is going to be done to which phones, why not to others, in which order, and what speaks against it.

A plan is made of what is known, changes nothing, and is a file that can be read, compared and approved by its hash.
"""
