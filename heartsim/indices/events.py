"""When a ventricle is at end-diastole and end-systole."""

import numpy as np
from jaxtyping import Float

_LEAST_FLOW = 1.0  # [mL/s], below this peak the outlet valve counts as closed all beat
_STILL_OPEN = 0.01  # of the peak flow


def end_diastole(
    time: Float[np.ndarray, " times"],
    ventricle: Float[np.ndarray, " times"],
    atrium: Float[np.ndarray, " times"],
) -> int:
    """Sample at end-diastole: the last one before the pressure upstroke with the inlet open.

    Walks back from the steepest rise of ventricular pressure to the last sample where the
    ventricle is not above its atrium, which is when the mitral or tricuspid valve closes. The
    pressures decide, not the flow, so the definition holds for a leaking valve. The beat is taken
    as periodic.

    Parameters
    ----------
    time : (t,)
        Times [ms].
    ventricle, atrium : (t,)
        Pressures [kPa].

    Returns
    -------
    int
        Index into the traces.
    """
    upstroke = int(np.argmax(np.gradient(ventricle, time)))
    order = (upstroke - np.arange(len(time))) % len(time)
    below = np.flatnonzero((ventricle <= atrium)[order])
    if below.size:
        return int(order[below[0]])
    return int(np.argmin(ventricle))


def end_systole(
    outflow: Float[np.ndarray, " times"],
    pressure: Float[np.ndarray, " times"],
    volume: Float[np.ndarray, " times"],
) -> int:
    """Sample at end-systole: the last one of ejection, when the outlet valve closes.

    Walks on from the peak of forward flow until it has fallen below 1 % of that peak. If the
    outlet never opens, end-systole is where pressure over volume is largest.

    Parameters
    ----------
    outflow : (t,)
        Flow through the outlet valve [mL/s], forward positive.
    pressure : (t,)
        Pressure of the ventricle [kPa].
    volume : (t,)
        Volume of the ventricle [mm³].

    Returns
    -------
    int
        Index into the traces.
    """
    peak = int(np.argmax(outflow))
    if outflow[peak] < _LEAST_FLOW:
        return int(np.argmax(pressure / np.maximum(volume, 1.0)))
    order = (peak + np.arange(len(outflow))) % len(outflow)
    closed = np.flatnonzero((outflow <= _STILL_OPEN * outflow[peak])[order])
    return int(order[closed[0] - 1]) if closed.size else int(np.argmin(volume))
