"""Gradients, as ``torch.autograd`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.autograd import function as function
from weft.autograd import functional as functional
from weft.framework.anomaly import detect_anomaly as detect_anomaly
from weft.framework.anomaly import is_anomaly_enabled as is_anomaly_enabled
from weft.framework.anomaly import set_detect_anomaly as set_detect_anomaly
from weft.framework.autograd import backward as backward
from weft.framework.autograd import grad as grad
from weft.framework.function import Function as Function
from weft.framework.grad_mode import enable_grad as enable_grad
from weft.framework.grad_mode import inference_mode as inference_mode
from weft.framework.grad_mode import no_grad as no_grad
from weft.framework.grad_mode import set_grad_enabled as set_grad_enabled
from weft.framework.gradcheck import GradcheckError as GradcheckError
from weft.framework.gradcheck import gradcheck as gradcheck
from weft.framework.gradcheck import gradgradcheck as gradgradcheck
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("autograd", globals())
