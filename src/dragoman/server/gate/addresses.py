"""Who sent a request and under which address it was sent, behind reverse proxies too. Refuses nobody.

What a proxy says in X-Forwarded-For, -Proto and -Host is believed of those alone that the settings name: anybody can
write these headers.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from dragoman.server.settings import Network

HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]/@\s]*)(:\d{1,5})?")


def client_of(scope: Scope, network: Network) -> str:
    """The address of the client: of the last that is no proxy of ours."""
    address = _peer(scope)
    if is_proxy(address, network):
        for hop in reversed(Headers(scope=scope).get("x-forwarded-for", "").split(",")):
            if hop.strip() and not is_proxy(hop.strip(), network):
                return hop.strip()[:45]
    return address


def host_of(scope: Scope, network: Network) -> str:
    """The name, and perhaps the port, that the client asked for."""
    headers = Headers(scope=scope)
    told = _first(headers.get("x-forwarded-host", "")) if is_proxy(_peer(scope), network) else ""
    return told or headers.get("host", "")


def base_of(scope: Scope, network: Network) -> str:
    """Scheme, host and path under which the client knows the service, without a / at the end."""
    scheme = str(scope["scheme"])
    if is_proxy(_peer(scope), network):
        told = _first(Headers(scope=scope).get("x-forwarded-proto", "")).lower()
        scheme = told if told in ("http", "https") else scheme
    return f"{scheme}://{host_of(scope, network)}{network.root_path}"


def without_root(path: str, network: Network) -> str:
    """A path as the service knows it. Some proxies take the part that is theirs away, others do not."""
    root = network.root_path
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def is_proxy(address: str, network: Network) -> bool:
    return bool(network.proxies) and _among(address, network.proxies)


@lru_cache(1024)
def _among(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network, strict=False) for network in networks)


def _peer(scope: Scope) -> str:
    """Who holds the other end of the connection; of a socket for both IPv4 and IPv6, IPv4 as it is written."""
    address = str(scope["client"][0]) if scope.get("client") else ""
    return address.removeprefix("::ffff:") if "." in address else address


def _first(header: str) -> str:
    """What the proxy nearest to the client said, where several did."""
    return header.partition(",")[0].strip()
