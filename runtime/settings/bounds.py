"""Numbers with bounds, for several tables of the settings."""

from typing import Annotated

from msgspec import Meta

Port = Annotated[int, Meta(ge=0, le=65535)]
Points = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=1)]
