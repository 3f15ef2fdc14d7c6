"""What each row of docs/lessons.md claims of the page: in each tab that it names, what is to be seen. Opens nothing.

    row: "PLACE: CHECK CHECK ... ; PLACE: ..."

A place is a view, `view@part` with that part picked, or `lesson 3.2`: step 3 after two clicks on its button (`end`:
after all of them). A check is the key of a sentence, which has to stand there from end to end but for its gaps (`a|b`:
one of the two, as the words of the model have it); `.selector=N`: so many elements that can be seen (`N+`: at least so
many); or `~text`, those letters. In selectors and letters `_` is a space.
"""

from __future__ import annotations

LEADS = "|".join(
    f"positions.lead.{name}" for name in ("sinusoidal", "fairseq", "learned", "rotary", "alibi", "other")
)
SAID = "say.training.moved|say.training.still"
KINDS = "kind.encoder_self kind.decoder_self kind.cross"
TOLD = "say.inference.told"
ENDED = "lesson.inference.end|lesson.inference.limit"
GROWN = "layers.grown|layers.grown.mean"
ORDER = "layers.order.pre|layers.order.post"
CUT = "beside.same|beside.recut"
ATTENTIONS = "map.self.encoder map.self.decoder map.cross"

CLAIMS = {
    1: "lesson 1: lesson.q1 lesson.q2 .question-line=2",
    2: "clocks: clocks.training clocks.inference ; lesson 8: lesson.sheet.encoder .both-answers_tbody_tr=10",
    3: "quiz: quiz.lead quiz.number ; lesson 7: lesson.forks.ask",
    4: f"start: {ATTENTIONS} .map_[data-fork]=9 ; lesson 7: lesson.forks.attention .fork=3",
    5: "lesson 7: lesson.name.forks lesson.forks.mean .fork=3 [data-letter]=3 ; qkv: qkv.parted",
    6: "qkv: qkv.row qkv.sum qkv.pair.said",
    7: "lesson 1: lesson.encoder lesson.decoder .plain-box=2",
    8: "text: text.typed words.space",
    9: f"say: say.done say.inference.text {SAID}",
    10: "lesson 1: lesson.boxes.said lesson.boxes.token ; start: map.input.encoder map.input.decoder",
    11: "lesson 2: lesson.inference.start ~??? .place.right-column=1",
    12: "lesson 2.1: lesson.inference.first .answer-place=1 ; clocks: clocks.grid.one clocks.fed-back",
    13: "lesson 2: lesson.inference.start ; proofs: proofs.encoder_once",
    14: "lesson 2.2: lesson.inference.loop .answer-place=1 ; clocks: clocks.fed-back",
    15: "lesson 2.3: lesson.inference.loop .encoder-box.resting=1 ; clocks: clocks.count.encoder",
    16: f"lesson 2.end: {ENDED} ~</s>",
    17: f"lesson 2.end: {ENDED} ; clocks: clocks.fed-back ; say: {TOLD}",
    18: f"say: worth.curve {TOLD} ; lesson 2.end: {ENDED}",
    19: "lesson 3.2: lesson.training.loss ; loss: loss.lead.training",
    20: "lesson 3: lesson.training.pair lesson.x lesson.y ; clocks: clocks.tied",
    21: "lesson 3.1: lesson.training.forward",
    22: "lesson 3.2: lesson.training.loss ; loss: loss.loss loss.mean",
    23: "lesson 3.3: lesson.training.gradient ; teach: teach.lead teach.boxes",
    24: "lesson 3.5: lesson.training.iteration lesson.training.cards .round_li.done=4 ; teach: teach.lead",
    25: "lesson 3.5: lesson.training.iteration ; clocks: clocks.weights",
    26: "proofs: proofs.train_equals_infer ; clocks: clocks.same clocks.same.holds",
    27: "text: text.target.what ; lesson 4: ~<s> ~</s>",
    28: "lesson 4: lesson.forcing.table .time-steps_tbody_tr=5",
    29: "lesson 4: lesson.forcing.table .whole-x=1 ; loss: loss.source",
    30: f"lesson 4.1: lesson.forcing.slip|lesson.forcing.suppose .time-steps_tr.off=1 ; say: {SAID}",
    31: f"lesson 4.2: lesson.forcing.kept .time-steps_tr.kept=1 ; say: {SAID}",
    32: "lesson 4.2: lesson.name.forcing lesson.forcing.kept",
    33: "lesson 5: lesson.mask.triangle .stairs_tr=5",
    34: "lesson 5.1: lesson.mask.row .one-row_.word=5 .who-sees_.shut-cell=10 ; masks@causal: masks.causal.what",
    35: "lesson 6: lesson.loss.said .cost-bar=5 ; loss: loss.sum loss.mean",
    36: "lesson 4: lesson.forcing.heads ; loss: loss.label loss.prediction",
    37: "lesson 7: lesson.forks.ask ; lesson 8: lesson.q2 lesson.sheet.why .origins_li=3 ; quiz: quiz.title",
    39: "lesson 1: lesson.boxes.said lesson.memory ; qkv: qkv.why.kv.cross",
    40: "qkv: qkv.why.q.cross ; lesson 7: lesson.forks.memory lesson.forks.below",
    41: "text: text.lead text.id",
    43: f"positions: {LEADS}",
    44: f"positions: {LEADS} twins.title twins.part",
    45: "heads: heads.lead heads.rank",
    46: "break@encoder.1: break.what.layer break.numbers ; layers: layers.lead",
    47: "boxes: boxes.norm .box-norms_tbody_tr=3+",
    48: "boxes: boxes.norm.what boxes.norm.before boxes.norm.middle boxes.norm.after",
    49: "attention: stage.masked ; masks: masks.lead",
    50: "boxes: boxes.feed",
    51: "layers: layers.feed.title layers.feed.what",
    52: "start: start.lead map.encoder",
    53: "layers: layers.depth.shallow|layers.depth.even",
    54: f"start: {ATTENTIONS} map.feed .map_path.residual.decoder=3",
    55: f"start: map.norm|map.both map.add|map.both ; layers: {ORDER}",
    56: "start: .map_path.residual=5 ; layers: layers.lead",
    57: f"start: {ATTENTIONS} ; attention: {KINDS}",
    58: "qkv: qkv.why.kv.title qkv.why.kv.cross",
    59: "qkv: qkv.sum qkv.output",
    60: "qkv: qkv.why.q.title qkv.why.kv.title ; heads: heads.wide",
    61: "boxes: boxes.shapes.paper boxes.shapes.one ~64",
    62: "heads: heads.cut heads.each",
    63: "boxes: boxes.shapes.heads boxes.shapes.batch ~[1024,_5,_512] ~[1024,_5,_8,_64]",
    64: "qkv: qkv.pair.said",
    66: "heads: heads.merge heads.after ; quiz: quiz.title",
    67: "qkv: qkv.why.scale.title qkv.why.scale",
    68: "boxes: boxes.scale boxes.scale.divided boxes.scale.undivided boxes.scale.what",
    69: "masks: masks.batch masks.batch.what masks.batch.found",
    70: "qkv: ~softmax qkv.weights.role",
    71: "attention: attention.lead attention.said",
    72: "attention: stage.scores stage.scaled stage.masked stage.weights ; proofs: proofs.arithmetic",
    78: "start: start.lead",
    79: "qkv: qkv.why.dot.title qkv.why.dot",
    80: "qkv: qkv.lead qkv.q.role qkv.k.role qkv.v.role",
    81: "heads: heads.title heads.rank",
    82: "teach: teach.boxes teach.boxes.what",
    83: f"start: {ATTENTIONS} .map_path.residual.decoder=3",
    87: "qkv: qkv.why.code ~transformer/attention.py",
    95: f"layers: layers.depth {GROWN}",
    96: f"beside: beside.done {CUT}",
    101: "beside: beside.vector.own|beside.vector",
    102: "beside: beside.looks beside.looks.what",
    103: "qkv: qkv.sum",
    104: "qkv: qkv.pair.said",
    105: "qkv: qkv.negative",
    106: "qkv: qkv.why.q.title qkv.why.kv.title ; lesson 7: lesson.forks.ask",
    107: "break@training: break.what.training break.translation",
    108: "qkv: ~softmax ; loss: loss.top.sum",
    109: "clocks: clocks.grid.at-once clocks.grid.one",
    110: "boxes: boxes.shapes.what ~768",
    111: "heads: heads.merge heads.shapes",
    112: "positions: twins.title twins.lead",
    113: "break@positions: break.what.positions break.translation",
    115: "break@twice:encoder.1: break.what.twice break.numbers",
    116: "lesson 1: lesson.boxes.said ; layers: layers.title",
    117: "loss: loss.class ; boxes@output: boxes.output boxes.output.rest",
    118: "loss: loss.tasks loss.tasks.answer",
    119: "masks@causal: masks.lead masks.causal.what ; lesson 5.1: lesson.mask.row",
    120: "lesson 7: lesson.forks.memory lesson.forks.below ; qkv: qkv.parted",
    121: "loss: loss.top.sum ; start: map.linear map.softmax",
    122: f"qkv: qkv.parted ; attention: {KINDS}",
    129: "beam: beam.title beam.endings ; influence: influence.lead ; proofs: proofs.lead proofs.all",
}
