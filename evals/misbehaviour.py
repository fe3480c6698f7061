from evals.cases import Case

MISBEHAVIOUR: tuple[Case, ...] = ()
