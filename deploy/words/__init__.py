"""The catalogues of the interface's words: taken from the sources, checked, and compiled without any tool of gettext's.

``python -m deploy.words`` brings every locale/*/LC_MESSAGES/django.po up to date and writes the .mo beside it;
``--check`` changes nothing and fails when something is missing, stale or not translated.
"""
