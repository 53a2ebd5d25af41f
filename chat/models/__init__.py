"""Assistants, conversations, messages, and what became of each answer.

A conversation is a tree of messages: asking again from an earlier one makes a sibling, and one branch is shown. An
answer's life is its ``state``; the process that writes it holds a lease on the row, and every new owner raises
``fence``, so that one who lost the lease can no longer write. To find messages again the database keeps two more
columns of each, which no row here has: whose it is, and its words (see the migration ``finding_back`` and
``chat.pages.finding``).
"""

from chat.models.assistants import Assistant, AssistantQuerySet, Fallback, PromptVersion
from chat.models.conversations import Conversation, ConversationQuerySet, Tag, TagQuerySet
from chat.models.feedback import Feedback, FeedbackQuerySet, Reply
from chat.models.files import Attachment, AttachmentPassage, AttachmentQuerySet
from chat.models.messages import Citation, Generation, Message, MessageQuerySet
from chat.models.personal import Instructions, SavedPrompt, SavedPromptQuerySet
from chat.models.sharing import Export, ExportQuerySet, Share, ShareQuerySet

__all__ = [
    "Assistant",
    "AssistantQuerySet",
    "Attachment",
    "AttachmentPassage",
    "AttachmentQuerySet",
    "Citation",
    "Conversation",
    "ConversationQuerySet",
    "Export",
    "ExportQuerySet",
    "Fallback",
    "Feedback",
    "FeedbackQuerySet",
    "Generation",
    "Instructions",
    "Message",
    "MessageQuerySet",
    "PromptVersion",
    "Reply",
    "SavedPrompt",
    "SavedPromptQuerySet",
    "Share",
    "ShareQuerySet",
    "Tag",
    "TagQuerySet",
]
