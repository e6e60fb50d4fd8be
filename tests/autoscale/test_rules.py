"""The simulated autoscaler against what KEDA's and Kubernetes' documents say of each rule."""

import copy

import pytest

from keda import Autoscaler

SPEC = {
    "minReplicaCount": 0, "maxReplicaCount": 10, "cooldownPeriod": 300,
    "advanced": {
        "scalingModifiers": {"formula": "a", "target": "1", "activationTarget": "0", "metricType": "AverageValue"},
        "horizontalPodAutoscalerConfig": {"behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 0,
                        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15},
                                     {"type": "Percent", "value": 100, "periodSeconds": 15}]},
            "scaleDown": {"stabilizationWindowSeconds": 120,
                          "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]},
        }},
    },
}


@pytest.fixture
def scaler():
    return Autoscaler(copy.deepcopy(SPEC))


def test_first_pod_is_the_operators(scaler):
    assert scaler.hpa(0, 100, 0) == 0
    assert scaler.operator(0, 0, 0) == 0
    assert scaler.operator(5, 1, 0) == 1


def test_zero_comes_after_the_cooldown(scaler):
    assert scaler.operator(0, 5, 3) == 3
    assert scaler.operator(299, 0, 3) == 3
    assert scaler.operator(300, 0, 3) == 0
    assert scaler.operator(305, 1, 0) == 1


def test_a_job_in_flight_starts_the_cooldown_anew(scaler):
    scaler.operator(0, 1, 1)
    scaler.operator(250, 1, 1)
    assert scaler.operator(310, 0, 1) == 1
    assert scaler.operator(550, 0, 1) == 0


def test_up_is_paced_by_the_widest_policy(scaler):
    assert scaler.hpa(0, 1000, 1) == 5, "four pods are more than 100 % of one"
    assert scaler.hpa(5, 1000, 5) == 5, "the period is not over"
    assert scaler.hpa(15, 1000, 5) == 10, "100 % of five are more than four; and there are ten at most"


def test_near_is_good_enough(scaler):
    assert scaler.hpa(0, 11, 10) == 10
    assert scaler.hpa(0, 9, 10) == 10


def test_down_waits_for_the_highest_wish_and_then_halves(scaler):
    assert scaler.hpa(0, 10, 10) == 10
    assert scaler.hpa(60, 2, 10) == 10
    assert scaler.hpa(120, 2, 10) == 10
    assert scaler.hpa(135, 2, 10) == 5, "half, though two are wished"
    assert scaler.hpa(150, 2, 5) == 5
    assert scaler.hpa(200, 2, 5) == 2
