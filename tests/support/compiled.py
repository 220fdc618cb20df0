"""A plug-in of pytest by which tests run the compiled modules: `pytest -p tests.support.compiled`.

pytest imports it before any test and any module of the product. It fails without a fitting build.
"""

from runtime import compiled_modules

_status = compiled_modules.activate()
if _status is not compiled_modules.Status.IN_USE:
    raise RuntimeError(_status.value)
