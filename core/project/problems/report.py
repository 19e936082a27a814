"""Apply every rule to a project and put what they report in order."""

import logging
from collections.abc import Callable, Iterator, Sequence

from core.project.facts import Facts
from core.project.problems import (
    bindings,
    comparing,
    files,
    formulas,
    graph,
    hardware,
    labels,
    loading,
    naming,
    parameters,
    splits,
    training,
    turbo,
    values,
)
from core.project.problems.problem import Problem
from core.project.problems.view import View
from core.project.schema import Project

log = logging.getLogger(__name__)

Rule = Callable[[View], Iterator[Problem]]

RULES: Sequence[Rule] = (
    *(files.no_source, files.unreadable_source, files.fields_without_columns, files.missing_columns),
    *(files.repeated_columns, files.single_columns, files.other_data_errors),
    *(splits.shares_of_the_split, splits.column_of_the_split, splits.empty_splits, splits.dropped_rows),
    *(splits.batches_larger_than_the_data, loading.rows_that_cannot_stream, loading.large_data_in_memory),
    *(values.missing_values_in_inputs, values.infinite_values, values.constant_fields, values.leaks),
    *(values.texts_without_vectorization, values.codes_as_numbers, values.texts_as_targets),
    *(values.brightness_of_images, values.scaled_targets, values.unscaling_by_unknown_field),
    *(naming.reserved_names, naming.shared_names),
    *(graph.no_inputs, graph.no_heads, graph.inputs_without_fields, graph.unknown_sources),
    *(graph.heads_without_layers, graph.cycles, graph.loose_layers, graph.loose_inputs, graph.shared_layers),
    *(parameters.layers, parameters.losses, parameters.metrics, parameters.optimizer),
    parameters.numbers_of_inputs,
    *(comparing.numbers_of_axes, comparing.merged_shapes, comparing.axes_of_layers),
    comparing.fractions_into_embeddings,
    *(training.no_terms, training.negative_weights, training.huge_weights),
    *(bindings.unbound_arguments, bindings.unknown_arguments, bindings.dangling_bindings),
    *(bindings.terms_without_heads, bindings.heads_without_terms),
    *(formulas.expressions_that_do_not_parse, formulas.functions_that_do_not_parse),
    *(
        formulas.unknown_functions,
        formulas.formulas_without_a_gradient,
        formulas.one_number_a_batch,
        formulas.rows_against_rows,
    ),
    *(comparing.targets_against_heads, comparing.tensors_in_formulas),
    *(labels.label_encodings, labels.classes_against_units, labels.binary_labels, labels.codes_in_regression),
    *(labels.logits_and_probabilities, labels.softmax_over_one, labels.softmax_with_binary_loss),
    *(labels.positive_predictions, labels.exact_accuracy),
    *(training.learning_rate, training.early_stopping, training.validation_for_early_stopping),
    *(hardware.slow_precision, hardware.numbers_beyond_float16),
    *(hardware.penalties_beside_shared_means, hardware.losses_that_count_devices),
    turbo.turbo_without_effect,
)
LAST: Sequence[Rule] = (comparing.refused_by_keras,)
"""Reported only for places where nothing blocking is known: they say the same in Keras's words."""
SEVERITIES = ("blocking", "warning", "hint")


def problems(project: Project, facts: Facts) -> tuple[Problem, ...]:
    """Return every problem of a project, the blocking ones first, then in the order of the rules. Never
    raises.
    """
    view = View(project, facts)
    found = [problem for rule in RULES for problem in _applied(rule, view)]
    blocked = {problem.where for problem in found if problem.severity == "blocking"}
    found += [problem for rule in LAST for problem in _applied(rule, view) if problem.where not in blocked]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))


def _applied(rule: Rule, view: View) -> list[Problem]:
    """Return what a rule reports. A rule that fails is a mistake of ours: it is logged and said, and
    hides no other.
    """
    try:
        return list(rule(view))
    except Exception:
        log.exception("the rule %s failed", rule.__name__)
        message = f"Lossmith could not check one thing ({rule.__name__.replace('_', ' ')}); the log says why."
        return [Problem("check-failed", "hint", "total", message)]
