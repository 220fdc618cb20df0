"""Says before an answer is written that it could not leave.

commands.py shows it with an item and refuses the answer. The sender chooses the account in the same
way, by workers/actions/account_table.py.
"""

import msgspec

from runtime.settings.load import section
from runtime.settings.structs import Settings
from schemas.errors import Rejected
from schemas.http_api.bodies import ItemAnswering
from schemas.message import Answering, Message
from workers.actions.account_table import account_name, account_table
from workers.actions.registry import for_channel


def find_obstacle(settings: Settings, message: Message) -> Rejected | None:
    """Return why no answer to a message could leave, or None.

    The door or the caller's own program gets the answers of a channel without an action.
    """
    action = for_channel(message.channel, message.reply_to)
    if action is None:
        return None
    table = account_table(
        action,
        message.source,
        settings.action_accounts(action.name),
        settings.channel_accounts(action.channel),
    )
    account = section(action.account, table, "santral.toml", f"actions.{action.name}", [])
    where = f"[actions.{action.name}.{account_name(message.source) or 'default'}]"
    if account is None:
        return Rejected("reply.no_server", f"the settings in {where} are not valid")
    values = msgspec.structs.asdict(account)
    missing = [name for name in action.required if not values[name]]
    if missing:
        names = " and ".join(f"`{name}`" for name in missing)
        return Rejected("reply.no_server", f"{names} must be set in {where}")
    by_mail = message.sender.handle("email") if action.channel == "email" else None
    if not (message.reply_to or by_mail):
        return Rejected("reply.no_address", "the message has no address to answer to")
    return None


def answering_of(settings: Settings, message: Message) -> ItemAnswering | None:
    """Return the limits on an answer to a message, None without any."""
    limits, obstacle = message.answering, find_obstacle(settings, message)
    if limits is None and obstacle is None:
        return None
    limits = limits or Answering()
    forbidden, code = limits.forbidden, "reply.forbidden" if limits.forbidden else ""
    if obstacle is not None and not forbidden:
        forbidden, code = obstacle.text, obstacle.code
    return ItemAnswering(
        message=message.id,
        until=limits.until,
        limit=limits.limit,
        unit=limits.unit,
        forbidden=forbidden,
        code=code,
        public=limits.public,
    )
