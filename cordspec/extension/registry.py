"""Which components are installed, and the classes behind them. Imports a plugin only when a spec names it."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, EntryPoint, entry_points
from inspect import isclass
from types import ModuleType

import pluggy

from cordspec.extension import hookspecs
from cordspec.extension.component import API, Component
from cordspec.extension.distributions import described
from cordspec.extension.options import Options
from cordspec.extension.policy import VARIABLE, Policy

GROUP = "cordspec"


class RegistryError(Exception):
    """A component that cannot be had. ``help`` says what to do; `code` is the diagnostic's."""

    def __init__(self, code: str, message: str, help: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.help = help
        self.suggestion = suggestion


class Registry:
    """Components by kind and name.

    pluggy's own loader stops at the first plugin that fails to import and skips a second one of the same name without a
    word. Here a broken plugin only fails the specs that name it, and two plugins of one name are an error that names
    both distributions.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None, policy: Policy | None = None) -> None:
        self._policy = policy or Policy.of_operator()
        self._found: Mapping[str, list[EntryPoint]] = defaultdict(list)
        for point in self._policy.installed(entry_points(group=GROUP)) if found is None else found:
            known = self._found[point.name]
            if not any(_distribution(other) == _distribution(point) for other in known):
                known.append(point)
        self._loaded: dict[str, type[Component]] = {}
        self._described: dict[Distribution, str] = {}

    def names(self, kind: str) -> list[str]:
        """The installed components of a kind, from metadata alone."""
        prefix = f"{kind}."
        return sorted(name.removeprefix(prefix) for name in self._found if name.startswith(prefix))

    def provider(self, kind: str, name: str) -> str:
        """The distribution that a component comes from (`cordspec.extension.distributions`)."""
        points = self._found.get(f"{kind}.{name}", [])
        if not points:
            return "unknown"
        distribution = points[0].dist
        if distribution is None:
            return points[0].value
        if distribution not in self._described:  # its metadata are read from disk whenever it is asked
            self._described[distribution] = described(distribution)
        return self._described[distribution]

    def get(self, kind: str, name: str) -> type[Component]:
        """The class of a component.

        Raises:
            RegistryError: it is unknown, provided twice, broken, or made for another plugin interface.
        """
        full = f"{kind}.{name}"
        if full not in self._loaded:
            self._loaded[full] = self._load(kind, name)
        return self._loaded[full]

    def _load(self, kind: str, name: str) -> type[Component]:
        points = self._found.get(f"{kind}.{name}", [])
        if not points:
            raise self._unknown(kind, name)
        if len(points) > 1:
            both = " and ".join(_distribution(point) for point in points)
            raise RegistryError("E303", f"{kind} `{name}` is provided twice, by {both}", "uninstall one of the two")
        point = points[0]
        if not self._policy.allows(point):
            raise RegistryError(
                "E332", f"the plugin {_distribution(point)} is not among those that the operator allows",
                f"the operator lists plugins in {VARIABLE}; a spec cannot",
            )  # fmt: skip
        try:
            module = point.load()
            components = self._components_of(module)
        except Exception as error:  # a plugin may fail in any way; it must not take the command down
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise RegistryError(
                "E302", f"the plugin {_distribution(point)} failed to load: {said}", "reinstall or remove it"
            ) from error
        for component in components:
            if (component.kind, component.name) == (kind, name):
                _check(component, point)
                return component
        raise RegistryError(
            "E302", f"the plugin {_distribution(point)} announces {kind} `{name}` but does not define it",
            "its entry point and its `cordspec_components` must agree",
        )  # fmt: skip

    @staticmethod
    def _components_of(module: ModuleType) -> list[type[Component]]:
        """What a module yields; each module has a plugin manager of its own, so that a broken one harms no other."""
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(module)
        manager.check_pending()
        components = [component for yielded in manager.hook.cordspec_components() for component in yielded]
        for component in components:
            if not (isclass(component) and issubclass(component, Component)):
                raise TypeError(f"`cordspec_components` yields {component!r}, which is no component class")
        return components

    def _unknown(self, kind: str, name: str) -> RegistryError:
        names = self.names(kind)
        close = difflib.get_close_matches(name, names, 1)
        elsewhere = sorted(
            full.split(".")[0] for full in self._found if full.endswith(f".{name}") and not full.startswith(f"{kind}.")
        )
        if elsewhere:
            help = f"`{name}` is a {elsewhere[0]}"
        else:
            help = f"installed: {', '.join(names)}" if names else f"no {kind} is installed"
        return RegistryError(
            "E301", f"no {kind} component named `{name}` is installed", help, close[0] if close else ""
        )


def _check(component: type[Component], point: EntryPoint) -> None:
    """Refuse what would only fail later, or silently.

    Raises:
        RegistryError: another plugin interface, or options that are not frozen or let unknown keys pass.
    """
    said = ""
    code, help = "E302", ""
    options = component.options_type
    if component.api != API:
        code, help = (
            "E304",
            "install a newer cordspec" if component.api > API else "install a newer version of the plugin",
        )
        said = f"was made for plugin interface {component.api}, this cordspec speaks {API}"
    elif not issubclass(options, Options):
        said = "has options that are not a subclass of cordspec.plugin.Options"
    elif options.model_config.get("extra") != "forbid" or not options.model_config.get("frozen"):
        said = "has options that must be frozen and refuse unknown keys, and are not"
    if said:
        raise RegistryError(code, f"{component.kind} `{component.name}` of {_distribution(point)} {said}", help)


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
