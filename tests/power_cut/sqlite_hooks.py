"""Stands between this process's SQLite and its files, with nothing but `ctypes`.

    hooks = SqliteHooks()
    hooks.on_files(watcher)             # told of what SQLite does to files, after it was done
    hooks.replace_call("pwrite64", …)   # another system call in the place of the real one

For processes that exist for this: there is no way back. SQLite calls in on the thread that called
it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

OK: Final = 0

_Pointer = ctypes.c_void_p
_Call = Callable[..., int]
# Names stay addresses: SQLite keeps more behind the end of a name.
_XOPEN = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, _Pointer, ctypes.c_int, _Pointer)
_XDELETE = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int)
_XWRITE = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int, ctypes.c_int64)
_XTRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int64)
_XSYNC = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)
_OPEN_DIRECTORY = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, use_errno=True)


class HooksMissing(Exception):
    """This Python's SQLite cannot be reached from outside."""


class Watcher(Protocol):
    """Who is told what SQLite did. `handle` is the same as long as the file is open."""

    def opened(self, handle: int, path: str) -> None:
        """A file was opened, and created if it was not there."""

    def wrote(self, handle: int, offset: int, data: bytes) -> None:
        """Bytes were written."""

    def truncated(self, handle: int, size: int) -> None:
        """The file was made this long."""

    def synced(self, handle: int) -> None:
        """The file was synced."""

    def deleted(self, path: str) -> None:
        """The name was removed."""

    def synced_folder(self, path: str) -> None:
        """The folder of this file was synced."""


class _IoMethods(ctypes.Structure):
    # As far as it is the same in every version of SQLite 3; the rest is copied as it is.
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("xClose", _Pointer),
        ("xRead", _Pointer),
        ("xWrite", _Pointer),
        ("xTruncate", _Pointer),
        ("xSync", _Pointer),
        *((f"other{number}", _Pointer) for number in range(13)),
    ]


class _File(ctypes.Structure):
    _fields_ = [("pMethods", ctypes.POINTER(_IoMethods))]


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _Pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", _Pointer),
        ("xOpen", _Pointer),
        ("xDelete", _Pointer),
        *((f"other{number}", _Pointer) for number in range(11)),
        ("xSetSystemCall", _Pointer),
        ("xGetSystemCall", _Pointer),
        ("xNextSystemCall", _Pointer),
    ]


_XSET_CALL = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, _Pointer)
_XGET_CALL = ctypes.CFUNCTYPE(_Pointer, _Pointer, ctypes.c_char_p)


class SqliteHooks:
    """The doors of the SQLite that `sqlite3` uses in this process. Raises `HooksMissing`.

    To be kept for the rest of the process.
    """

    def __init__(self) -> None:
        # What C calls must not be collected.
        self._kept: list[Any] = []
        self._library = _sqlite_library()
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._vfs = self._library.sqlite3_vfs_find(None)
        if not self._vfs or self._vfs.contents.iVersion < 3:
            raise HooksMissing("SQLite's layer of files is older than its system calls")

    def replace_call(self, name: str, prototype: Any, make: Callable[[Any], Any]) -> bool:
        """Put what `make(real)` returns in the place of a system call; False where there is no
        call of that name. `prototype` needs `use_errno=True` if the new one sets `errno`."""
        vfs = self._vfs.contents
        real = _XGET_CALL(vfs.xGetSystemCall)(self._address(), name.encode())
        if not real:
            return False
        new = prototype(make(prototype(real)))
        self._kept.append(new)
        pointer = ctypes.cast(new, _Pointer)
        assert _XSET_CALL(vfs.xSetSystemCall)(self._address(), name.encode(), pointer) == OK
        return True

    def on_files(self, watcher: Watcher) -> None:
        """Tell `watcher` of everything that is done to files opened from now on."""
        folders = _Folders()
        self.replace_call("openDirectory", _OPEN_DIRECTORY, folders.around)
        vfs = _Vfs.from_buffer_copy(self._vfs.contents)
        vfs.zName = b"watched"
        real_open: _Call = _XOPEN(vfs.xOpen)
        real_delete: _Call = _XDELETE(vfs.xDelete)
        tables = _Tables(watcher, folders)

        def open_(vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
            code = real_open(vfs, name, file, flags, out)
            # Files without a name are SQLite's own scratch: nobody finds them after a cut.
            if code == OK and name is not None:
                watcher.opened(file, _text(name))
                tables.watch(file)
            return code

        def delete(vfs: int, name: int, with_folder: int) -> int:
            code = real_delete(vfs, name, with_folder)
            if code == OK:
                watcher.deleted(_text(name))
                folders.tell(watcher)
            return code

        replaced = {"xOpen": _XOPEN(open_), "xDelete": _XDELETE(delete)}
        for name, function in replaced.items():
            setattr(vfs, name, ctypes.cast(function, _Pointer))
        self._kept += [vfs, replaced, real_open, real_delete, tables]
        assert self._library.sqlite3_vfs_register(ctypes.byref(vfs), 1) == OK

    def _address(self) -> Any:
        return ctypes.cast(self._vfs, _Pointer)


class _Folders:
    """Notes the folders that SQLite syncs: it does so only right after it has opened one."""

    def __init__(self) -> None:
        self._opened: list[str] = []

    def around(self, real: Any) -> Callable[[int, int], int]:
        """The system call that opens the folder of a file."""

        def open_directory(name: int, out: int) -> int:
            code: int = real(name, out)
            if code == OK:
                self._opened.append(_text(name))
            return code

        return open_directory

    def tell(self, watcher: Watcher) -> None:
        """The call that synced them is over."""
        while self._opened:
            watcher.synced_folder(self._opened.pop())


class _Tables:
    """Gives each open file a copy of its table of methods, with three of them replaced."""

    def __init__(self, watcher: Watcher, folders: _Folders) -> None:
        self._watcher = watcher
        self._folders = folders
        self._made: dict[int, _IoMethods] = {}
        self._kept: list[Any] = []

    def watch(self, handle: int) -> None:
        """Watch one file."""
        file = ctypes.cast(handle, ctypes.POINTER(_File)).contents
        address = ctypes.addressof(file.pMethods.contents)
        if address not in self._made:
            self._made[address] = self._table(file.pMethods.contents)
        file.pMethods = ctypes.pointer(self._made[address])

    def _table(self, real: _IoMethods) -> _IoMethods:
        table = _IoMethods.from_buffer_copy(real)
        real_write: _Call = _XWRITE(real.xWrite)
        real_truncate: _Call = _XTRUNCATE(real.xTruncate)
        real_sync: _Call = _XSYNC(real.xSync)
        watcher = self._watcher

        def write(handle: int, data: int, count: int, offset: int) -> int:
            code = real_write(handle, data, count, offset)
            if code == OK:
                watcher.wrote(handle, offset, ctypes.string_at(data, count))
            return code

        def truncate(handle: int, size: int) -> int:
            code = real_truncate(handle, size)
            if code == OK:
                watcher.truncated(handle, size)
            return code

        def sync(handle: int, flags: int) -> int:
            code = real_sync(handle, flags)
            if code == OK:
                watcher.synced(handle)
                self._folders.tell(watcher)
            return code

        replaced = {
            "xWrite": _XWRITE(write),
            "xTruncate": _XTRUNCATE(truncate),
            "xSync": _XSYNC(sync),
        }
        for name, function in replaced.items():
            setattr(table, name, ctypes.cast(function, _Pointer))
        self._kept += [replaced, real_write, real_truncate, real_sync]
        return table


def _text(address: int) -> str:
    return os.fsdecode(ctypes.string_at(address))


def _sqlite_library() -> ctypes.CDLL:
    import _sqlite3

    # Where it is built into the interpreter there is no file to ask.
    path = getattr(_sqlite3, "__file__", None)
    library = ctypes.CDLL(path)
    if not hasattr(library, "sqlite3_vfs_find"):
        raise HooksMissing("this Python has SQLite built in; use one with a shared libsqlite3")
    return library
