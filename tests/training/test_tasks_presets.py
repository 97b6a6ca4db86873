"""The settings for distributions of tasks, and what a task may weigh in an outer step."""

import numpy as np
import pytest

from l2l_tf.training import tasks_presets
from l2l_tf.training.programs import Estimate
from l2l_tf.training.tasks import mean_of_finite
from l2l_tf.training.tasks_config import TasksConfig
from problems import distribution
from problems.taskset import options, small


@pytest.mark.parametrize("preset", tasks_presets.FOR_TASKS)
def test_a_preset_is_a_configuration_of_a_distribution(preset):
    config = TasksConfig(problem="mixture", **tasks_presets.for_tasks(preset, "mixture"))
    mixture = distribution.get(config.problem, config.problem_options)
    families = {mixture.task(seed, quantile).family for seed in range(3) for quantile in np.linspace(0, 0.999, 60)}
    all_small = {*small.TASKS, *small.FURTHER}
    expected = {
        "general": {*small.TASKS},
        "general_long": all_small,
        "general_told": all_small,
        "general_convolutional": {*small.TASKS, *small.CONVOLUTIONAL},
    }
    assert families == expected.get(preset, {*small.IMAGES})
    assert "problem_options" not in tasks_presets.for_tasks(preset, "taskset")


@pytest.mark.parametrize("name", [*small.TASKS, *small.FURTHER, *small.CONVOLUTIONAL])
def test_small_tasks_are_configurations_of_taskset(name):
    options.check_config({**small.TASKS, **small.FURTHER, **small.CONVOLUTIONAL}[name])


def test_an_unknown_preset():
    message = r"Presets are \['general', .*, 'original', 'recommended'\]\. Received: 'best'\."
    with pytest.raises(ValueError, match=message):
        tasks_presets.for_tasks("best", "mixture")


def _estimate(*gradient):
    return Estimate(np.array(gradient, np.float32), 0.0, 0.0, 0)


def test_no_task_drowns_the_others():
    estimates = [_estimate(300.0, 400.0), _estimate(0.0, -1.0), _estimate(np.nan, 1.0)]
    np.testing.assert_allclose(mean_of_finite(estimates, 2.0), [1.2 / 2, (1.6 - 1) / 2], rtol=1e-6)
    np.testing.assert_allclose(mean_of_finite(estimates), [150.0, 199.5], rtol=1e-6)
    assert np.isnan(mean_of_finite([_estimate(np.inf, 0.0)], 2.0)).all()
