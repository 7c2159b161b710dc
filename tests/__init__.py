"""Tables of facts, small to large: the rule, the nets, the files, the two frameworks, the command line."""
