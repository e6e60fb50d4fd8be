"""KEDA and the horizontal pod autoscaler, as far as a ScaledObject of ours goes: what they read, and what they make of it.
Sources of the rules: KEDA's redis scaler and scale handler, and Kubernetes' documentation of the HPA algorithm. Time is
passed in, so that a test may look on at its own pace."""

import math
import re
from collections import deque

# What KEDA's redis scaler runs: TYPE decides which command counts.
SCRIPT = """
local name = KEYS[1]
local kind = redis.call('type', name).ok
local count = {list = 'llen', zset = 'zcard', none = 'llen'}
return redis.call(count[kind], name)
"""

HPA_PERIOD_S = 15
TOLERANCE = 0.1  # of the HPA: a ratio this near to 1 changes nothing


class Metric:
    """The triggers' values and the formula over them."""

    def __init__(self, redis, spec):
        self.redis = redis
        self.keys = {trigger["name"]: trigger["metadata"]["listName"] for trigger in spec["triggers"]}
        self.formula = spec["advanced"]["scalingModifiers"]["formula"]
        assert re.fullmatch(r"\w+( \+ \w+)*", self.formula), "sums are all that is needed"

    def read(self):
        """(each trigger's value, the formula's)."""
        values = {name: int(self.redis.eval(SCRIPT, 1, key)) for name, key in self.keys.items()}
        return values, sum(values[name] for name in self.formula.split(" + "))


class Rules:
    """scaleUp or scaleDown of an HPA's behavior."""

    def __init__(self, spec):
        self.window_s = spec["stabilizationWindowSeconds"]
        self.policies = spec["policies"]
        self.pick = max if spec.get("selectPolicy", "Max") == "Max" else min
        self.changes = deque()  # (when, by how many pods)

    def changed_within(self, now, seconds):
        return sum(pods for when, pods in self.changes if when > now - seconds)

    def limit(self, now, replicas, direction):
        """How many pods the policies let there be: of what was there when a policy's period began."""
        def bound(policy):
            start = replicas - direction * self.changed_within(now, policy["periodSeconds"])
            if policy["type"] == "Pods":
                return start + direction * policy["value"]
            if direction > 0:
                return math.ceil(start * (1 + policy["value"] / 100))
            return math.floor(start * (1 - policy["value"] / 100))

        bounds = [bound(policy) for policy in self.policies]
        wide, narrow = (max, min) if direction > 0 else (min, max)
        return (wide if self.pick is max else narrow)(bounds)


class Autoscaler:
    """One ScaledObject. KEDA's operator rules the way between nothing and one, the HPA everything above."""

    def __init__(self, spec):
        self.spec = spec
        modifiers = spec["advanced"]["scalingModifiers"]
        assert modifiers["metricType"] == "AverageValue"
        self.target, self.activation = float(modifiers["target"]), float(modifiers["activationTarget"])
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        self.up, self.down = Rules(behavior["scaleUp"]), Rules(behavior["scaleDown"])
        self.wishes = deque()  # (when, replicas), of the longer window
        self.active_at = -math.inf

    def operator(self, now, metric, replicas):
        """Each pollingInterval; how many replicas there shall be."""
        least = self.spec["minReplicaCount"]
        if metric > self.activation:
            self.active_at = now
            return replicas or max(1, least)
        if now - self.active_at < self.spec["cooldownPeriod"]:
            return replicas
        return least  # from whatever number: the HPA's policies are not asked

    def hpa(self, now, metric, replicas):
        """Each HPA_PERIOD_S; how many replicas there shall be. At zero it does not work."""
        if replicas == 0:
            return 0
        wanted = self.stable(now, self.wish(metric, replicas), replicas)
        return self.paced(now, min(max(wanted, 1), self.spec["maxReplicaCount"]), replicas)

    def wish(self, metric, replicas):
        """For an AverageValue: metric / target, but for the tolerance."""
        if abs(metric / (self.target * replicas) - 1) <= TOLERANCE:
            return replicas
        return math.ceil(metric / self.target)

    def stable(self, now, wish, replicas):
        """Down to the highest wish of the window, up to the lowest."""
        self.wishes.append((now, wish))
        while self.wishes[0][0] < now - max(self.up.window_s, self.down.window_s):
            self.wishes.popleft()
        lowest = min(w for when, w in self.wishes if when >= now - self.up.window_s)
        highest = max(w for when, w in self.wishes if when >= now - self.down.window_s)
        return lowest if replicas < lowest else highest if replicas > highest else replicas

    def paced(self, now, wanted, replicas):
        if wanted > replicas:
            wanted = max(replicas, min(wanted, self.up.limit(now, replicas, +1)))
            self.up.changes.append((now, wanted - replicas))
        elif wanted < replicas:
            wanted = min(replicas, max(wanted, self.down.limit(now, replicas, -1)))
            self.down.changes.append((now, replicas - wanted))
        return wanted
