"""LSC rollouts: what is done next, on which phones, and what counts as done.

Pure: facts and an instant in, actions and rows out. Whoever runs it keeps the rows, does the actions and reports what
came of them; docs/rollout.md says in which order.
"""
