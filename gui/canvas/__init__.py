"""The graph one edits: inputs, layers, heads, terms and the total, with the wires between them."""
