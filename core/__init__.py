"""Everything of Lossmith that needs no window: the document, its data, its code, its training and its runs."""
