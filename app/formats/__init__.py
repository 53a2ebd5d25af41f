"""How languages write days and times, beside what Django knows of them.

Templates say a moment in English order, ``|date:"j F Y, H:i"``. Django looks that very text up here, as it does the
names of its own formats, so a language that writes days otherwise maps each of them to its own order. What a module
does not name is written as the template has it, with the language's names of months.
"""
