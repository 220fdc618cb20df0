"""Says in one line why a process ends, if the reason is outside of Santral's code.

cli/main.py passes an exception that no stage handled. It prints the sentence with the remedy, or
the traceback of a bug.
"""

import errno

from schemas.errors import ERROR_TEXT_LIMIT

_NO_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def describe_ending(error: Exception) -> str | None:
    """Return the sentence for a foreseeable end."""
    if isinstance(error, OSError) and error.filename is not None:
        return _file_ending(error)
    return _kafka_ending(error)


def describe_outage(error: Exception) -> str | None:
    """Return the sentence for a neighbour that went away while a command used it."""
    from aiokafka.errors import KafkaError
    from confluent_kafka import KafkaException
    from sqlalchemy.exc import SQLAlchemyError

    from runtime.health.faults import is_outage
    from runtime.redis.errors import is_away, summary

    if not is_outage(error):
        return None
    if isinstance(error, KafkaException):
        neighbour, reason = "Kafka", error.args[0].str()
    elif isinstance(error, KafkaError):
        neighbour, reason = "Kafka", str(error)
    elif isinstance(error, SQLAlchemyError):
        neighbour, reason = "the store", str(error).partition("\n")[0]
    elif is_away(error):
        neighbour, reason = "Redis", summary(error)
    else:
        return None
    reason = reason[:ERROR_TEXT_LIMIT]
    return f"{neighbour} gives no answer now ({reason}). Repeat the command when it is back."


def _file_ending(error: OSError) -> str | None:
    path, reason = error.filename, error.strerror
    if error.errno in _NO_RIGHTS:
        return f"{path}: {reason}. Give this user the right to write there, or set SANTRAL_HOME."
    if error.errno in _FULL:
        return f"{path}: {reason}. Make room there."
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{path}: {reason}. A folder is needed there: remove the file, or set SANTRAL_HOME."
    return None


def _kafka_ending(error: Exception) -> str | None:
    from confluent_kafka import KafkaError, KafkaException

    reason = error.args[0] if isinstance(error, KafkaException) and error.args else None
    if isinstance(reason, KafkaError) and reason.code() == KafkaError._INVALID_ARG:
        return f"[kafka.security]: {reason.str()}. Correct that key."
    return None
