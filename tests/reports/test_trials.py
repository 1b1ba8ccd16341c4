"""Advice is measured: what it says is saved is the difference of two runs that nobody here had a part in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import weft
from weft.compiler.targets.accel.compile import prepared
from weft.compiler.targets.accel.gemm import gemm_program
from weft.devices import device_of
from weft.framework import reference
from weft.framework.device import compiled
from weft.inspection import source_of
from weft.isa.machine import load, presets
from weft.isa.program import Program
from weft.models import recipe
from weft.programs import named_step
from weft.reporting import model_result, program_result
from weft.reports import trials
from weft.reports.advice import advice_lines
from weft.reports.changes import KEYS, TIMELESS, changes
from weft.reports.conversions import converted_where_made, of_inputs
from weft.reports.facts import Facts
from weft.reports.profile import profile
from weft.reports.trials import LEAST, Trials, try_changes
from weft.sim.engines import get_engine
from weft.sim.fast.plan import Timing, timing
from weft.training import Session

ALL = 1 << 31
Accelerator = dict[str, Any]


def told(accelerator: Accelerator) -> list[dict[str, Any]]:
    """Every change that was measured."""
    return [*accelerator["advice"], *accelerator["trials"]["no_gain"]]


def keys(accelerator: Accelerator) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Those of them that are of the machine: key, value, what is told of it."""
    for one in told(accelerator):
        if " = " in one["title"]:
            key, _, value = one["title"].partition(" (now ")[0].partition(" = ")
            yield key, int(value), one


def verify(accelerator: Accelerator, cycles: Callable[[str, int], int]) -> int:
    """Compare every saving with a run on a machine with the key so set; how many there were."""
    count = 0
    for key, value, one in keys(accelerator):
        independent = cycles(key, value)
        assert one["saving"] == accelerator["cycles"] - independent, one
        assert one["cycles"] == independent
        assert one["share"] == one["saving"] / accelerator["cycles"]
        count += 1
    return count


def of_model(model: str, machine: str, inference: bool) -> Callable[[str, int], int]:
    """What `weft report MODEL --set key=value` would count."""

    def cycles(key: str, value: int) -> int:
        step = named_step(model, machine, ((key, value),), inference, 0)
        return get_engine("fast").run(step.program, step.image).cycles

    return cycles


MODELS = [
    ("digits-mlp", "edu", True, ALL), ("digits-logistic", "nano", False, 6), ("digits-logistic", "edge", False, ALL),
    ("digits-mlp", "edge", False, 9),
]  # fmt: skip


@pytest.mark.parametrize(("model", "machine", "inference", "tries"), MODELS)
def test_what_a_model_is_told_is_what_it_saves(model: str, machine: str, inference: bool, tries: int) -> None:
    result = model_result(model, ["accel"], machine, epochs=1, inference=inference, tries=tries)
    assert verify(result["accelerator"], of_model(model, machine, inference)) >= min(tries, 8) // 2


@pytest.mark.parametrize(("preset", "size"), [("edu", (64, 40, 48)), ("nano", (20, 9, 13)), ("cloud", (256, 256, 256))])
def test_what_a_program_is_told_is_what_the_same_instructions_save(preset: str, size: tuple[int, int, int]) -> None:
    program = gemm_program(load(preset), *size)

    def cycles(key: str, value: int) -> int:
        return get_engine("fast").run(dataclasses.replace(program, machine=load(preset, {key: value}))).cycles

    result = program_result(program, get_engine("fast").run(program), tries=ALL)
    assert verify(result["accelerator"], cycles) >= 8


def test_what_a_step_is_told_is_what_it_saves() -> None:
    x, w = (weft.tensor(np.ones((32, 32), np.float32)) for _ in range(2))

    def step(a: Any, b: Any) -> Any:
        return (a @ b).relu() @ b

    def cycles(key: str, value: int) -> int:
        return int(weft.profile(step, x, w, machine=load("edu", {key: value})).cycles)

    report = weft.report(step, x, w, machine="edu", tries=ALL)
    assert verify(report.result["accelerator"], cycles) >= 8


@pytest.mark.parametrize("wrong", [-1, 40])
def test_a_wrong_promise_is_caught(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def promising(program: Program) -> Timing:
        right = timing(program)
        return dataclasses.replace(right, cycles=right.cycles - wrong)

    monkeypatch.setattr(trials, "timing", promising)
    result = model_result("digits-logistic", ["accel"], "nano", inference=True, tries=4)
    with pytest.raises(AssertionError, match="title"):
        verify(result["accelerator"], of_model("digits-logistic", "nano", True))


def test_twice_the_batch_is_measured_for_the_same_work() -> None:
    result = model_result("digits-logistic", ["accel"], "edu", epochs=1, tries=ALL)
    one = next(one for one in told(result["accelerator"]) if one["title"] == "Twice the batch")
    chosen = recipe("digits-logistic")
    larger = Session(dataclasses.replace(chosen, batch=2 * chosen.batch), device_of("accel", "edu", (), "fast"))
    program, image = larger.program()
    assert one["cycles"] == get_engine("fast").run(program, image).cycles
    assert (one["work"], one["saving"]) == (2, (2 * result["accelerator"]["cycles"] - one["cycles"]) // 2)


def digits_facts(source: bool) -> tuple[Facts, Any]:
    """The step of digits-mlp on edu, run once, and what it was compiled from."""
    session = Session(recipe("digits-mlp"), device_of("accel", "edu", (), "fast"), 0)
    graph, values = session.step.lower(*session.example()), session.step.bind(*session.example())
    executable: Any = compiled(session.device, graph)
    run = get_engine("fast").run(executable.program, executable.image(values))
    facts = Facts(executable.program, run, profile(executable.program, run))
    return facts, source_of(executable) if source else None


def test_kept_conversions_compute_the_same_and_are_what_is_timed() -> None:
    facts, source = digits_facts(source=True)
    graph = prepared(source.graph)
    nodes = [node for index in facts.conversions for node in facts.found.operators[index].nodes]
    by_kind = of_inputs(graph, nodes)
    assert {kind: len(casts) for kind, casts in by_kind.items()} == {"input": 1, "state": 2}
    rng = np.random.default_rng(0)
    values = {
        name: rng.integers(0, 10, node.shape).astype(np.int32)
        if node.dtype.name == "int32"
        else rng.normal(size=node.shape).astype(np.float32)
        for name, node in ((name, graph.nodes[i]) for name, i in graph.input_names.items())
    }
    for kind, casts in by_kind.items():
        changed = converted_where_made(graph, casts)
        more = {
            name: values[name.partition(" as ")[0]].astype(changed.nodes[i].dtype.numpy)
            for name, i in changed.input_names.items()
            if " as " in name
        }
        assert len(more) == len(casts)
        (before, states), (after, later) = reference.run(graph, values), reference.run(changed, values | more)
        assert before["output"] == after["output"]
        for name, value in states.items():
            np.testing.assert_array_equal(later[name], value)
        if kind == "state":
            for name in more:
                np.testing.assert_array_equal(later[name], later[name.partition(" as ")[0]].astype(later[name].dtype))
        start = {"input": "Give inputs", "state": "Store states"}[kind]
        change = next(one for one in changes(facts, source) if one.title.startswith(start))
        program = source.compile(changed, facts.machine)
        assert change.make().digest == program.digest
    # A graph on which the passes have run compiles to what it compiled to before.
    assert source.compile(graph, facts.machine).digest == facts.program.digest


def measured(result: Trials) -> int:
    """How many could be tried."""
    return sum(one.cycles is not None for one in result.done)


def test_so_many_as_were_asked_for_are_tried_and_the_rest_is_told() -> None:
    program = gemm_program(load("nano"), 20, 9, 13)
    run = get_engine("fast").run(program)
    facts = Facts(program, run, profile(program, run))
    every = changes(facts, None)
    for most in (0, 1, 3, ALL):
        found = try_changes(facts, None, most)
        assert len(found.done) + len(found.left) == len(every)
        assert measured(found) == most if most < ALL else not found.left
        assert [one.change.title for one in found.done] == [one.title for one in every[: len(found.done)]]


def test_trials_show_how_far_they_are() -> None:
    program = gemm_program(load("nano"), 20, 9, 13)
    run = get_engine("fast").run(program)
    shown: list[tuple[int, int]] = []
    found = try_changes(Facts(program, run, profile(program, run)), None, ALL, lambda *pair: shown.append(pair))
    assert shown == [(n, len(found.done)) for n in range(1, len(found.done) + 1)]


@pytest.mark.parametrize(("work", "count"), [(1, 2), (400 * 5, 4)])
def test_unless_told_otherwise_trials_cost_a_bounded_amount_of_work(
    work: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is 374 instructions, and 1,009 executed ones."""
    facts, source = digits_facts(source=True)
    monkeypatch.setattr(trials, "WORK", work)
    made: list[Program] = []

    def counting(graph: Any, machine: Any) -> Program:
        made.append(source.compile(graph, machine))
        return made[-1]

    found = try_changes(facts, dataclasses.replace(source, compile=counting))
    assert measured(found) == count == len(made)
    assert found.left


def test_every_key_of_every_machine_is_tried_or_has_nothing_to_do_with_time() -> None:
    plain = load("edu").to_dict()
    named = {f"{section}.{key}" for section, value in plain.items() if isinstance(value, dict) for key in value}
    named |= {key for key, value in plain.items() if not isinstance(value, dict)}
    assert set(KEYS) | set(TIMELESS) == named, "give a new key a row: which way is faster, and what it touches"
    for preset in presets():
        machine = load(preset)
        program = gemm_program(machine, 8, 8, 8, "int8" if "bf16" not in machine.types else "bf16")
        run = get_engine("fast").run(program)
        found = changes(Facts(program, run, profile(program, run)), None)
        tried = {one.title.partition(" = ")[0] for one in found}
        halves = {key for key in KEYS if KEYS[key].halved and value_of(machine.to_dict(), key) == 1}
        assert tried == set(KEYS) - halves


def value_of(plain: dict[str, Any], key: str) -> Any:
    """The value of a dotted key."""
    for part in key.split("."):
        plain = plain[part]
    return plain


def test_advice_is_what_saves_enough_the_largest_saving_first() -> None:
    accelerator = model_result("digits-logistic", ["accel"], "edu", epochs=1, tries=ALL)["accelerator"]
    savings = [one["saving"] for one in accelerator["advice"]]
    assert savings == sorted(savings, reverse=True)
    assert all(saving >= LEAST * accelerator["cycles"] for saving in savings)
    assert savings
    assert all(one["saving"] < LEAST * accelerator["cycles"] for one in accelerator["trials"]["no_gain"])
    titles = [one["title"] for one in told(accelerator)]
    assert len(set(titles)) == len(titles)


def test_twice_the_bandwidth_is_tried_and_saves_what_the_changed_machine_takes_less() -> None:
    now, then = (
        model_result("digits-logistic", ["accel"], "edu", settings, epochs=1, tries=ALL if not settings else 0)
        for settings in ((), (("bus.bytes", 16),))
    )
    tried = next(one for one in told(now["accelerator"]) if one["title"] == "bus.bytes = 16 (now 8)")
    assert tried["cycles"] == then["accelerator"]["cycles"]
    assert tried["saving"] == now["accelerator"]["cycles"] - then["accelerator"]["cycles"] > 0
    assert [one["accelerator"]["roofline"]["bandwidth"] for one in (now, then)] == [8, 16]


def test_what_cannot_be_says_why() -> None:
    widest = (("bus.bytes", 32),)
    accelerator = model_result("digits-logistic", ["accel"], "edu", widest, inference=True, tries=ALL)["accelerator"]
    why = {one["title"].partition(" = ")[0]: one["why"] for one in accelerator["trials"]["impossible"]}
    assert why["bus.bytes"] == (
        "edu: bus.bytes = 64: at most 32 for dim = 8 and types = ['bf16', 'int8']: a bank takes no more than a pair of "
        "16-byte words in a cycle"
    )
    program = gemm_program(load("edu"), 64, 40, 48)
    found = program_result(program, get_engine("fast").run(program), tries=ALL)["accelerator"]["trials"]
    why = {one["title"].partition(" = ")[0]: one["why"] for one in found["impossible"]}
    assert why["dim"] == "this program's addresses do not fit it; a model or step would be compiled for it"


def test_findings_name_no_key_of_the_machine(digits: tuple[Program, Any]) -> None:
    """Whatever a key would change has been tried, or is listed as not tried: nothing is promised of it."""
    found = program_result(*digits, tries=0)["accelerator"]["findings"]
    assert found
    for one in found:
        for word in (
            "larger scratchpad",
            "larger accumulator",
            "wider",
            "deeper",
            "more banks",
            "queues.",
            "smaller a",
        ):
            assert word not in one["title"] + one["evidence"]


def test_text() -> None:
    accelerator = {
        "advice": [{"title": "queues.matrix = 8 (now 4)", "saving": 1232, "share": 0.0294}],
        "trials": {
            "how": "somehow",
            "no_gain": [{"title": "scratchpad.banks = 8 (now 4)", "saving": -10066}],
            "impossible": [{"title": "bus.bytes = 16 (now 8)", "why": "too wide"}],
            "not_tried": ["queues.fetch = 16 (now 8)", "Twice the batch"],
        },
        "findings": [{"title": f"finding {n}", "concerned": 5000 - n, "share": 0.1} for n in range(5)],
    }  # fmt: skip
    assert (
        "\n".join(advice_lines(accelerator))
        == """\
advice, by measured saving in cycles (somehow):
      1,232   2.9%  queues.matrix = 8 (now 4)
tried, and saves less than 0.5%: scratchpad.banks = 8, +10,066 cycles
cannot be: bus.bytes = 16 (too wide)
not tried (--tries all tries them): queues.fetch = 16; Twice the batch
seen in the figures, by cycles concerned (not tried, no saving is promised):
      5,000  10.0%  finding 0
      4,999  10.0%  finding 1
      4,998  10.0%  finding 2
  and 2 more on the page"""
    )
