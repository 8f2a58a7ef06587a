"""The catalogues of translations: what the code asks for, and how it is brought into them."""
