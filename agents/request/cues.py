"""The turns of phrase that make a limit or a wish out of a place, a time or an amount beside them."""

import re

from agents.request.amounts import Quantity
from agents.request.times import Side
from agents.state import FindingKind

SENTENCE = re.compile(r"[^.!?;\n]*(?:[.!?](?=\S)[^.!?;\n]*)*(?:[.!?;\n]+|$)")
HEDGE = re.compile(
    r"\b(?:ideally|if (?:at all )?possible|would be nice|prefer(?:ably|red)?|maybe|perhaps|doesn'?t (?:have|need) to"
    r"|does not"
    r" (?:have|need) to|need(?:n'?t| not)|don'?t (?:have|need) to|do not (?:have|need) to|no need to|not necessarily"
    r"|used to|last (?:time|week|month|year)|yesterday|example|e\.g\.)\b",
    re.IGNORECASE,
)
EXCLUDING = re.compile(
    r"\b(?:(?:not|never)\s+(?:be\s+)?(?:run(?:ning)?\s+|placed\s+|go\s+)?(?:it\s+)?(?:in|from|to|near)|out\s+of|outside(?:\s+of)?"
    r"|away\s+from|avoid(?:ing)?|exclud(?:e|es|ing)|except(?:\s+for)?(?:\s+in)?|but\s+not(?:\s+in)?|(?:anywhere|everywhere|any\s+region)\s+but"
    r"|other\s+than|rather\s+than|no\s+(?:sites?|data\s+cent(?:re|er)s?)\s+in|don'?t\s+(?:use|run\s+(?:it\s+)?in)"
    r"|do\s+not\s+(?:use|run\s+(?:it\s+)?in))\s+(?:the\s+)?$",
    re.IGNORECASE,
)
REQUIRING = re.compile(
    r"\b(?:(?:must|has\s+to|have\s+to|needs?\s+to|should|shall|may\s+only|can\s+only)\s+(?:only\s+)?(?:be\s+|stay\s+|run\s+|remain\s+"
    r"|happen\s+|be\s+(?:run|placed|kept|hosted)\s+)?(?:only\s+)?(?:in|inside|within)|only\s+(?:ever\s+)?(?:run\s+(?:it\s+)?|place\s+it\s+)?"
    r"(?:in|inside|within)|(?:keep|stay|kept|run|place|host)\s+(?:it\s+|this\s+|the\s+(?:data|job|workload)\s+|everything\s+)?(?:only\s+)?"
    r"(?:in|inside|within|to)|(?:restricted|limited|confined)\s+to|nowhere\s+but(?:\s+in)?|required\s+(?:in|to\s+be\s+in)"
    r"|must\s+not\s+leave|(?:does|may|can)\s?not\s+leave|never\s+leave)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
JOINED = re.compile(r"^\s*(?:,|,?\s*(?:and|or|nor)(?:\s+in)?|/|&)\s*(?:the\s+)?$", re.IGNORECASE)
ONLY_AFTER = re.compile(r"^\s+only\b", re.IGNORECASE)

TIME_CUES: tuple[tuple[FindingKind, Side, re.Pattern[str]], ...] = (
    (
        "not_before",
        "earliest",
        re.compile(
            r"(?:\b(?:not|never|don'?t\s+(?:start|run|begin)(?:\s+it)?|do\s+not\s+(?:start|run|begin)(?:\s+it)?)\s+(?:start(?:ing)?\s+"
            r"|begin(?:ning)?\s+|run(?:ning)?\s+)?(?:it\s+)?(?:before|until|till)|\bno\s+(?:earlier|sooner)\s+than"
            r"|\b(?:at\s+the\s+)?earliest(?:\s+start)?(?:\s+(?:is|at|on|by))?:?|\b(?:start|begin|run)(?:s|ing)?\s+(?:it\s+)?(?:only\s+)?(?:after|from)"
            r"|\bonly\s+(?:after|from)|\bavailable\s+(?:from|after)|\bready\s+(?:at|by|from|after)|\bwait\s+(?:until|till|for))\s+(?:at\s+)?$",
            re.IGNORECASE,
        ),
    ),
    (
        "start_by",
        "latest",
        re.compile(
            r"\b(?:must\s+|has\s+to\s+|needs?\s+to\s+|should\s+)?(?:start|begin)(?:s|ing|ned|ed)?\s+(?:it\s+)?(?:by|before|no\s+later\s+than|at\s+the\s+latest)"
            r"\s+(?:at\s+)?$",
            re.IGNORECASE,
        ),
    ),
    (
        "finish_by",
        "latest",
        re.compile(
            r"(?<!not )(?<!never )(?:\b(?:by|before|until|no\s+later\s+than|not\s+later\s+than"
            r"|deadline(?:\s+(?:is|of|at|on))?:?|due(?:\s+(?:by|on|at))?"
            r"|latest(?:\s+(?:is|by|at))?|needed(?:\s+(?:on|at))?|finish(?:ed)?\s+(?:at|on)|done\s+(?:at|on)))\s+(?:at\s+)?$",
            re.IGNORECASE,
        ),
    ),
)
BETWEEN = re.compile(r"\bbetween\s+$", re.IGNORECASE)
AND = re.compile(r"^\s+and\s+", re.IGNORECASE)
WITHIN = re.compile(
    r"\b(?:within|in\s+(?:at\s+most|under|less\s+than)|in\s+no\s+more\s+than)\s+(?:the\s+next\s+)?$|\bin\s+the\s+next\s+$",
    re.IGNORECASE,
)
FOR_LATER = re.compile(
    r"\b(?:not\s+(?:for|within)(?:\s+the\s+next)?|wait(?:\s+for)?(?:\s+at\s+least)?|after)\s+$", re.IGNORECASE
)
START_WITHIN = re.compile(r"\b(?:start|begin)(?:s|ing)?\s+(?:it\s+)?$", re.IGNORECASE)
AT_MOST = re.compile(
    r"(?:\b(?:under|below|less\s+than|(?:no|not)\s+more\s+than|at\s+most|up\s+to|max(?:imum)?(?:\s+(?:of|cost|price|carbon|intensity|is|spend"
    r"|emissions?|budget))*:?|within(?:\s+(?:a|the))?(?:\s+budget(?:\s+of)?)?|(?:budget|cap|limit|ceiling)(?:ped|ed)?(?:\s+(?:is|of|at|to))?:?"
    r"|not\s+exceed(?:ing)?|(?:cannot|can'?t|must\s+not|don'?t|do\s+not)\s+(?:exceed|spend\s+more\s+than|cost\s+more\s+than|emit\s+more\s+than)"
    r"|stay\s+(?:under|below)|keep\s+(?:it\s+|the\s+cost\s+|costs?\s+)?(?:under|below))|[<≤])\s*(?:a\s+|about\s+)?$",
    re.IGNORECASE,
)
AT_LEAST = re.compile(
    r"(?:\b(?:at\s+least|no(?:t)?\s+(?:less|lower|under)\s+than|more\s+than|over|above|min(?:imum)?(?:\s+of)?)|[>≥])\s*$",
    re.IGNORECASE,
)
RENEWABLE = re.compile(r"^\s*(?:of\s+)?(?:it\s+)?(?:from\s+)?(?:renewables?|green|clean|wind)", re.IGNORECASE)
CAPS: dict[Quantity, FindingKind] = {
    "gbp": "max_cost_gbp",
    "g": "max_carbon_g",
    "g_per_kwh": "max_intensity_g_per_kwh",
}

NOT_PAUSABLE = re.compile(
    r"\b(?:(?:cannot|can'?t|can\s+not|must\s+not|mustn'?t|may\s+not|never|don'?t|do\s+not|should\s+not|shouldn'?t|not)\s+(?:\w+\s+)?(?:be\s+)?"
    r"(?:paus(?:e|ed|able)|interrupt(?:ed|ible)?|stopped|suspended|split)|in\s+one\s+go|without\s+(?:any\s+)?(?:interruptions?|pauses?|pausing)"
    r"|uninterrupted|no\s+(?:pauses|pausing|interruptions?)|non-?interruptible)\b",
    re.IGNORECASE,
)
PAUSABLE = re.compile(
    r"\b(?:(?:can|may|could)\s+(?:safely\s+|freely\s+|also\s+)?(?:be\s+)?(?:paused?|interrupted|suspended|preempted|split|resumed|stopped\s+and"
    r"\s+(?:re)?started)|(?:is|it'?s)\s+(?:pausable|interruptible|resumable|preemptible)|(?:fine|ok(?:ay)?|happy|free)\s+to\s+pause"
    r"|pausing\s+is\s+(?:fine|ok(?:ay)?)|supports?\s+(?:pausing|checkpoint(?:ing|s)?|pause\s+and\s+resume)|resumes?\s+from\s+checkpoints?)",
    re.IGNORECASE,
)
NOT_CARBON = re.compile(
    r"\b(?:(?:don'?t|do\s+not|doesn'?t|does\s+not)\s+(?:really\s+)?(?:care|mind|worry)\s+(?:about|for)\s+(?:the\s+)?(?:carbon|emissions?|co2)"
    r"|ignore\s+(?:the\s+)?(?:carbon|emissions?|co2)|(?:carbon|emissions?|co2)\s+(?:do(?:es)?\s?n[o']t|is\s?n[o']?t|are\s?n[o']?t|is\s+not)\s+"
    r"(?:matter|important|a\s+concern|relevant)|regardless\s+of\s+(?:the\s+)?(?:carbon|emissions?|co2))",
    re.IGNORECASE,
)
LOW_COST = re.compile(
    r"(?<!not the )(?<!not )\b(?:cheapest|as\s+cheap(?:ly)?\s+as\s+possible|lowest\s+(?:cost|price)"
    r"|(?:minimi[sz]e|cut|reduce)\s+(?:the\s+)?costs?"
    r"|save\s+(?:\w+\s+)?money|costs?\s+matters?\s+(?:more|most)|(?:carbon|emissions?)\s+matters?\s+less|keep\s+(?:the\s+)?costs?\s+(?:down|low))\b",
    re.IGNORECASE,
)
LOW_CARBON = re.compile(
    r"(?<!not the )(?<!not )\b(?:greenest|cleanest|as\s+(?:green|clean)(?:ly)?\s+as\s+possible"
    r"|lowest[\s-](?:carbon|emissions?|intensity)"
    r"|(?:minimi[sz]e|cut|reduce)\s+(?:the\s+)?(?:carbon|emissions?|co2|footprint)|least\s+(?:carbon|co2|emissions?)"
    r"|(?:carbon|emissions?)\s+matters?\s+(?:more|most)|costs?\s+matters?\s+less|whatever\s+it\s+costs|(?:don'?t|do\s+not)\s+(?:care|mind)\s+about"
    r"\s+(?:the\s+)?(?:cost|price|money))\b",
    re.IGNORECASE,
)
SOON = re.compile(
    r"(?<!not )\b(?:as\s+soon\s+as\s+possible|asap|right\s+away|immediately"
    r"|as\s+quickly\s+as\s+possible|soonest|without\s+delay)\b",
    re.IGNORECASE,
)
MOODS: tuple[tuple[FindingKind, re.Pattern[str]], ...] = (
    ("not_pausable", NOT_PAUSABLE),
    ("pausable", PAUSABLE),
    ("cost_only", NOT_CARBON),
    ("prefer_low_cost", LOW_COST),
    ("prefer_low_carbon", LOW_CARBON),
    ("prefer_soon", SOON),
)
RIVALS: dict[FindingKind, FindingKind] = {"pausable": "not_pausable", "prefer_low_cost": "cost_only"}
"""A wish that is not heard beside its stricter or stronger form."""
