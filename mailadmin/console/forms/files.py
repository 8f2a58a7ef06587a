"""Several files in one field of a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from mailadmin.console.drafts import File
from mailadmin.core import limits
from mailadmin.core.files import media_type


class FilesInput(forms.FileInput):
    """The browser's choice of files, any number of them."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Files, need not be given; cleaned to a list of `File`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=FilesInput, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Return the files. Raises ValidationError for one that is empty or too large."""
        given: Sequence[UploadedFile[Any]] = data if isinstance(data, (list, tuple)) else [data] if data else []
        return [_read(super(FilesField, self).clean(one, initial)) for one in given]


def check_together(files: Sequence[File]) -> None:
    """Raise ValidationError when `files` are too large together."""
    size = sum(one.size for one in files)
    if size > limits.ATTACHMENT_BYTES:
        text = _("Together the files have {size}; at most {most} can be attached here.")
        raise forms.ValidationError(
            text.format(size=filesizeformat(size), most=filesizeformat(limits.ATTACHMENT_BYTES))
        )


def _read(file: UploadedFile[Any]) -> File:
    if (file.size or 0) > limits.ATTACHMENT_BYTES:
        text = _("“{name}” has {size}; at most {most} can be attached here.")
        most = filesizeformat(limits.ATTACHMENT_BYTES)
        raise forms.ValidationError(text.format(name=file.name, size=filesizeformat(file.size or 0), most=most))
    name = "".join(letter for letter in file.name or "" if letter.isprintable())
    return File(name, _kind(file.content_type or ""), file.read())


def _kind(told: str) -> str:
    """Return the type that the browser tells, "" (it is guessed then) when it is none of a file."""
    try:
        return media_type(told)
    except ValueError:
        return ""
