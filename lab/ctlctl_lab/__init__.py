"""A simulated CUCM cluster on loopback: real protocols, real sockets, real keys, and a life for every phone.

It binds addresses of 127/8 only, every certificate it makes says LAB, and it imports nothing of the application.
"""
