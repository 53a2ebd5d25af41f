"""From a file's bytes to one readable text, whatever the format.

Every format ends as Markdown-like text (headings as ``#``, rows as ``| … |``, items as ``-``), because one text
is what spans, citations and the viewer count in. Reading a stranger's file is the most dangerous thing Parley
does, so formats are only ever read in a child process that may be killed (``knowledge.extraction.running``).
Nothing here imports Django.
"""
