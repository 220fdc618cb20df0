"""The objects of Telegram's Bot API, with the fields that Santral reads.

Source: core.telegram.org/bots/api#available-types.
"""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class TelegramUser(Record, frozen=True, kw_only=True):
    """A person or a bot."""

    id: Text = ""
    is_bot: bool = False
    first_name: str | None = ""
    last_name: str | None = ""
    username: str | None = ""
    language_code: str | None = ""


class TelegramChat(Record, frozen=True, kw_only=True):
    """A private chat, a group or a channel."""

    id: Text = ""
    type: str = ""
    title: str | None = ""
    username: str | None = ""


class TelegramFile(Record, frozen=True, kw_only=True):
    """A file at Telegram, without its thumbnails."""

    file_id: str = ""
    file_size: Text = 0
    file_name: str | None = ""
    mime_type: str | None = ""
    emoji: str | None = ""
    width: Text = 0
    is_animated: bool = False
    is_video: bool = False


class SharedContact(Record, frozen=True, kw_only=True):
    """A shared contact, which is the sender's own when `user_id` is the sender's."""

    phone_number: str | None = ""
    first_name: str | None = ""
    last_name: str | None = ""
    user_id: Text = None
    vcard: str | None = ""


class TelegramLocation(Record, frozen=True, kw_only=True):
    """A point on the map."""

    latitude: Text = ""
    longitude: Text = ""


class Venue(Record, frozen=True, kw_only=True):
    """A location with a name and an address."""

    title: str | None = ""
    address: str | None = ""
    location: TelegramLocation | None = None


class InlineKeyboardButton(Record, frozen=True, kw_only=True):
    """A button under one of our messages."""

    text: str = ""
    callback_data: str | None = ""


class InlineKeyboardMarkup(Record, frozen=True, kw_only=True):
    """The buttons under one of our messages, by row."""

    inline_keyboard: tuple[tuple[InlineKeyboardButton, ...], ...] = ()


class RichMessage(Record, frozen=True, kw_only=True):
    """A text of blocks, which hold texts, lists and other blocks."""

    blocks: msgspec.Raw = msgspec.Raw(b"[]")


class ReplyToMessage(Record, frozen=True, kw_only=True):
    """The message that the customer answers."""

    message_id: Text = ""
    text: str | None = ""
    caption: str | None = ""


class TextQuote(Record, frozen=True, kw_only=True):
    """The part of the answered message that the customer chose."""

    text: str | None = ""


class DirectMessagesTopic(Record, frozen=True, kw_only=True):
    """The thread of one person in the private inbox of a channel."""

    topic_id: Text = ""


class WebAppData(Record, frozen=True, kw_only=True):
    """The data that a web app sends for its user."""

    button_text: str | None = ""
    data: str | None = ""


class Option(Record, frozen=True, kw_only=True):
    """An answer of a poll, or a task of a checklist."""

    text: str | None = ""


class Poll(Record, frozen=True, kw_only=True):
    """A poll in a message."""

    question: str | None = ""
    options: tuple[Option, ...] = ()


class Checklist(Record, frozen=True, kw_only=True):
    """A list of tasks in a message."""

    title: str | None = ""
    tasks: tuple[Option, ...] = ()


class TelegramMessage(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A message."""

    message_id: Text = ""
    message_thread_id: Text = None
    is_topic_message: bool = False
    business_connection_id: str | None = None
    sender: TelegramUser | None = None
    sender_chat: TelegramChat | None = None
    chat: TelegramChat = TelegramChat()
    date: Text = None
    edit_date: Text = None
    forward_origin: msgspec.Raw = msgspec.Raw()
    sender_business_bot: msgspec.Raw = msgspec.Raw()
    is_automatic_forward: bool = False
    ephemeral_message_id: Text = None
    direct_messages_topic: DirectMessagesTopic | None = None
    web_app_data: WebAppData | None = None
    poll: Poll | None = None
    checklist: Checklist | None = None
    reply_to_message: ReplyToMessage | None = None
    quote: TextQuote | None = None
    reply_markup: InlineKeyboardMarkup | None = None
    text: str | None = None
    caption: str | None = None
    rich_message: RichMessage | None = None
    photo: tuple[TelegramFile, ...] = ()
    document: TelegramFile | None = None
    video: TelegramFile | None = None
    audio: TelegramFile | None = None
    voice: TelegramFile | None = None
    video_note: TelegramFile | None = None
    animation: TelegramFile | None = None
    live_photo: TelegramFile | None = None
    sticker: TelegramFile | None = None
    contact: SharedContact | None = None
    location: TelegramLocation | None = None
    venue: Venue | None = None


class CallbackQuery(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A tap on one of our buttons."""

    id: str = ""
    sender: TelegramUser = TelegramUser()
    message: TelegramMessage | None = None
    data: str | None = ""


class BusinessMessagesDeleted(Record, frozen=True, kw_only=True):
    """The numbers of the messages that somebody deleted in a business chat."""

    business_connection_id: str | None = None
    chat: TelegramChat = TelegramChat()
    message_ids: tuple[Text, ...] = ()


class Update(Record, frozen=True, kw_only=True):
    """One update, with an id and the object of its kind."""

    update_id: int
    message: TelegramMessage | None = None
    edited_message: TelegramMessage | None = None
    business_message: TelegramMessage | None = None
    edited_business_message: TelegramMessage | None = None
    guest_message: TelegramMessage | None = None
    deleted_business_messages: BusinessMessagesDeleted | None = None
    callback_query: CallbackQuery | None = None


class UpdatesResponse(Record, frozen=True, kw_only=True):
    """The response of getUpdates; `parameters` of an error say how long to wait."""

    ok: bool = False
    result: tuple[msgspec.Raw, ...] = ()
    description: str = ""
    parameters: dict[str, Text] | None = None


class UpdateNumber(Record, frozen=True, kw_only=True):
    """The number of an update, which its confirmation names."""

    update_id: int


class FilePath(Record, frozen=True, kw_only=True):
    """The path of a file below the Bot API's address for files."""

    file_path: str = ""


class FileResponse(Record, frozen=True, kw_only=True):
    """The response of getFile."""

    result: FilePath = FilePath()
