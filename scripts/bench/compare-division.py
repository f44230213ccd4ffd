#!/usr/bin/env python3
"""Compares how plans are divided with what others compute, and says how many times faster ours is.

    compare-division.py [PROGRAM] [--plans 1000] [--large 50] [--small 300] [--seed 1]

PROGRAM (.build/release/DivisionBench) reads one plan a line and prints one division a line, with the nanoseconds that
it took. Divisible plans are solved again by HiGHS as a series of linear programs, each of which raises the lowest share
as far as it goes; whole units by looking at all ways to give them; whole tasks by giving one after the other. It fails
when a result differs. It needs highspy and numpy, from PyPI.
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from fractions import Fraction

import highspy
import numpy

# Of a type's capacity or of a claim's tasks, or of 1 if they are fewer.
TOLERANCE = 1e-6
# Our amounts are rounded to a millionth.
ROUNDING = 1e-6
# A share whose dual value is larger cannot rise, in no optimal solution.
DUAL_TOLERANCE = 1e-7


def divide(program, plans):
    """The program's divisions."""
    text = "".join(json.dumps(plan) + "\n" for plan in plans)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    divisions = [json.loads(line) for line in done.stdout.splitlines()]
    if len(divisions) != len(plans):
        sys.exit(f"{program} printed {len(divisions)} divisions of {len(plans)}")
    return divisions


# Random plans


def random_plan(rng, method, claims, types, most, indivisible):
    """Two to `claims` claims for one to `types` types; amounts are up to `most`, capacities up to twice that."""

    def amount():
        return rng.randint(0, most) if indivisible else round(rng.uniform(0, most), rng.choice([0, 1, 6]))

    names = [f"type-{index}" for index in range(rng.randint(1, types))]
    plan = {"method": method, "indivisible": indivisible, "capacity": {}, "claims": []}
    for name in names:
        plan["capacity"][name] = amount() + rng.choice([0, most, most])
    for index in range(rng.randint(2, claims)):
        claim = {"fleet_id": f"fleet-{index}", "weight": rng.choice([1, 1, 2, 3, 5])}
        claim["demand"] = {name: amount() for name in names if rng.random() < 0.8}
        if method == "drf" and rng.random() < 0.3:
            claim["tasks_max"] = rng.randint(0, 5)
        plan["claims"].append(claim)
    return plan


# Divisible plans: linear programs


class Solver:
    """HiGHS, and the seconds of the processor that it alone has taken."""

    def __init__(self):
        self.seconds = 0.0
        self.programs = 0

    def level(self, uses, most):
        """The shares that are as equal as can be: the smallest is as large as possible, then the second, and so on.

        uses[r][i] is the part of type r that claim i uses with a share of 1, most[i] the largest share it wants.
        """
        count = len(most)
        highs = self.model(uses, most)
        shares = [None] * count
        while None in shares:
            began = time.process_time()
            highs.run()
            self.seconds += time.process_time() - began
            self.programs += 1
            if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                raise RuntimeError(f"HiGHS: {highs.modelStatusToString(highs.getModelStatus())}")
            solution = highs.getSolution()
            level = solution.col_value[count]
            duals = solution.row_dual[len(uses):]
            free = [index for index in range(count) if shares[index] is None]
            stuck = [index for index in free if abs(duals[index]) > DUAL_TOLERANCE]
            for index in stuck or free:
                shares[index] = level
                highs.changeColBounds(index, max(0.0, level - 1e-10), level + 1e-10)
                highs.changeRowBounds(len(uses) + index, -highspy.kHighsInf, highspy.kHighsInf)
        return shares

    def model(self, uses, most):
        count = len(most)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = count + 1, len(uses) + count
        lp.sense_ = highspy.ObjSense.kMaximize
        lp.col_cost_ = numpy.array([0.0] * count + [1.0])
        lp.col_lower_ = numpy.zeros(count + 1)
        lp.col_upper_ = numpy.array(list(most) + [highspy.kHighsInf])
        rows = [[(i, use[i]) for i in range(count) if use[i]] for use in uses]
        rows += [[(i, 1.0), (count, -1.0)] for i in range(count)]
        lp.row_lower_ = numpy.array([-highspy.kHighsInf] * len(uses) + [0.0] * count)
        lp.row_upper_ = numpy.array([1.0] * len(uses) + [highspy.kHighsInf] * count)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = numpy.cumsum([0] + [len(row) for row in rows])
        lp.a_matrix_.index_ = numpy.array([index for row in rows for index, _ in row])
        lp.a_matrix_.value_ = numpy.array([value for row in rows for _, value in row])
        highs = highspy.Highs()
        highs.silent()
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("primal_feasibility_tolerance", 1e-9)
        highs.setOptionValue("dual_feasibility_tolerance", 1e-9)
        highs.passModel(lp)
        return highs


def max_min_by_lp(plan, solver):
    claims, granted = plan["claims"], [{} for _ in plan["claims"]]
    for name, capacity in plan["capacity"].items():
        demands = [claim["demand"].get(name, 0) for claim in claims]
        wanting = [index for index, demand in enumerate(demands) if demand and capacity]
        weights = [claims[index]["weight"] for index in wanting]
        most = [demands[index] / capacity / weight for index, weight in zip(wanting, weights)]
        shares = solver.level([weights], most) if wanting else []
        for index in range(len(claims)):
            granted[index][name] = 0.0
        for index, weight, share in zip(wanting, weights, shares):
            granted[index][name] = share * weight * capacity
    return granted, None


def drf_by_lp(plan, solver):
    claims, capacity = plan["claims"], plan["capacity"]
    tasks = [0.0] * len(claims)
    able, per_share, most = [], [], []
    for index, claim in enumerate(claims):
        needs = {name: demand for name, demand in claim["demand"].items() if demand}
        if needs and all(capacity[name] for name in needs) and claim.get("tasks_max", 1):
            dominant = max(demand / capacity[name] for name, demand in needs.items())
            able.append(index)
            per_share.append(claim["weight"] / dominant)
            most.append(claim.get("tasks_max", 1e9) / per_share[-1])
    names = [name for name in capacity if capacity[name]]
    uses = [
        [claims[index]["demand"].get(name, 0) * per / capacity[name] for index, per in zip(able, per_share)]
        for name in names
    ]
    for index, per, share in zip(able, per_share, solver.level(uses, most) if able else []):
        tasks[index] = share * per
    granted = [
        {name: demand * count for name, demand in claim["demand"].items()} for claim, count in zip(claims, tasks)
    ]
    return granted, tasks


def compare_divisible(program, rng, count, claims):
    plans = [random_plan(rng, rng.choice(["max_min", "drf"]), claims, 4, 100, False) for _ in range(count)]
    divisions = divide(program, plans)
    solver, worst, theirs = Solver(), 0.0, []
    for plan, division in zip(plans, divisions):
        before = solver.seconds
        granted, tasks = (max_min_by_lp if plan["method"] == "max_min" else drf_by_lp)(plan, solver)
        theirs.append(solver.seconds - before)
        for index, claim in enumerate(division["claims"]):
            for name, amount in claim["granted"].items():
                worst = max(worst, difference(amount, granted[index][name], plan["capacity"][name], plan))
            if tasks is not None:
                worst = max(worst, difference(claim["tasks"], tasks[index], tasks[index], plan))
    print(f"divisible, up to {claims} claims: {count} plans agree with HiGHS; the largest difference is {worst:.1e}")
    report(divisions, theirs, f"HiGHS, {solver.programs / count:.1f} programs a plan, without building them")


def difference(ours, theirs, whole, plan):
    """As a part of the whole, or of 1 if that is less; an error when it is too large."""
    apart = abs(ours - theirs)
    if apart > TOLERANCE * max(1, whole) + ROUNDING:
        sys.exit(f"differs: {ours} by us, {theirs} by the solver, of {whole} in\n{json.dumps(plan)}")
    return apart / max(1, whole)


# Indivisible plans: all ways, and one after the other


def ways(capacity, demands):
    if not demands:
        yield ()
        return
    for given in range(min(capacity, demands[0]) + 1):
        for rest in ways(capacity - given, demands[1:]):
            yield (given, *rest)


def max_min_by_force(plan):
    claims, granted = plan["claims"], [{} for _ in plan["claims"]]
    for name, capacity in plan["capacity"].items():
        demands = [claim["demand"].get(name, 0) for claim in claims]
        # Of equal ways the one that gives most to the claims named first.
        best = max(
            ways(capacity, demands),
            key=lambda way: (sorted(Fraction(n, claim["weight"]) for n, claim in zip(way, claims)), way),
        )
        for index, amount in enumerate(best):
            granted[index][name] = amount
    return granted, None


def drf_one_by_one(plan):
    claims, free = plan["claims"], dict(plan["capacity"])
    tasks, order = [0] * len(claims), []

    def fits(index):
        claim = claims[index]
        return (
            any(claim["demand"].values())
            and tasks[index] < claim.get("tasks_max", 10**9)
            and all(free[name] >= demand for name, demand in claim["demand"].items())
        )

    def share(index):
        claim = claims[index]
        parts = (
            Fraction(tasks[index] * demand, plan["capacity"][name] * claim["weight"])
            for name, demand in claim["demand"].items()
            if demand
        )
        return max(parts), index

    while able := [index for index in range(len(claims)) if fits(index)]:
        index = min(able, key=share)
        tasks[index] += 1
        order.append(claims[index]["fleet_id"])
        for name, demand in claims[index]["demand"].items():
            free[name] -= demand
    return [{name: demand * n for name, demand in c["demand"].items()} for c, n in zip(claims, tasks)], order


def compare_indivisible(program, rng, method, count):
    if method == "max_min":
        plans = [random_plan(rng, method, 4, 2, 6, True) for _ in range(count)]
        peer, title = max_min_by_force, "all ways tried"
    else:
        plans = [random_plan(rng, method, 8, 3, rng.choice([6, 60]), True) for _ in range(count)]
        peer, title = drf_one_by_one, "one task after the other"
    divisions = divide(program, plans)
    theirs = []
    for plan, division in zip(plans, divisions):
        began = time.process_time()
        expected, order = peer(plan)
        theirs.append(time.process_time() - began)
        ours = [claim["granted"] for claim in division["claims"]]
        for claim, mine, other in zip(plan["claims"], ours, expected):
            if any(mine[name] != other[name] for name in claim["demand"]):
                sys.exit(f"differs: {ours} by us, {expected} by the peer in\n{json.dumps(plan)}")
        if order is not None and division["order"] != order:
            sys.exit(f"differs: the order is {order} in\n{json.dumps(plan)}")
    print(f"{method}, indivisible: {count} plans are the same by {title}")
    report(divisions, theirs, f"{title}, in Python")


def report(divisions, seconds, title):
    """The medians; of our time what passed, of the peer's what the processor worked, lest a busy machine flatter us."""
    ours = statistics.median(division["nanoseconds"] for division in divisions) / 1000
    theirs = statistics.median(seconds) * 1e6
    print(f"  ours: {ours:.1f} µs a plan; {title}: {theirs:.1f} µs; ours is {theirs / ours:.0f} times faster")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?", default=".build/release/DivisionBench")
    parser.add_argument("--plans", type=int, default=1000)
    parser.add_argument("--large", type=int, default=50)
    parser.add_argument("--small", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    rng = random.Random(arguments.seed)
    compare_divisible(arguments.program, rng, arguments.plans, 10)
    compare_divisible(arguments.program, rng, arguments.large, 200)
    for method in ["max_min", "drf"]:
        compare_indivisible(arguments.program, rng, method, arguments.small)


if __name__ == "__main__":
    main()
