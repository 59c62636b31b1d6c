"""The installed components, for a process that asks for them at every keystroke."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from cordspec.extension.component import Component
from cordspec.extension.registry import Registry, RegistryError


class PatientRegistry(Registry):
    """Tries a plugin that fails to load once, not again at every keystroke; mending it takes a new server, as for Python."""

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        super().__init__(found)
        self._failed: dict[tuple[str, str], RegistryError] = {}

    def get(self, kind: str, name: str) -> type[Component]:
        """The class of a component.

        Raises:
            RegistryError: as `Registry` does; a failed import is remembered.
        """
        if (kind, name) in self._failed:
            failed = self._failed[kind, name]
            raise RegistryError(failed.code, str(failed), failed.help, failed.suggestion)
        try:
            return super().get(kind, name)
        except RegistryError as error:
            if error.code == "E302":
                self._failed[kind, name] = error
            raise
        except SystemExit as error:
            said = f"the plugin of {kind} `{name}` tried to end the language server"
            self._failed[kind, name] = refused = RegistryError("E302", said, "reinstall or remove it")
            raise refused from error
