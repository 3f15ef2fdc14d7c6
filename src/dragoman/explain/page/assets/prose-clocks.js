/* The sentences of the two clocks and of the loss table, in English and Simplified Chinese. Holds no text of a trace. */

const CLOCKS = {
  "clocks.tab": ["Two clocks", "两只钟"],
  "clocks.title": ["What differs between training and inference?", "训练和推理差在哪？"],
  "clocks.lead": [
    "Both run the same network with the same weights. In training every input of the decoder is known before it starts, so the decoder ticks once. In inference each input is the word it has just chosen, so it ticks once for every word.",
    "两边是同一个网络、同一份权重。训练时，解码器的输入事先全都知道，走一下就算完；推理时，每一步的输入是刚刚选出来的词，只能一个词走一下。",
  ],
  "clocks.run": ["▶ Run both clocks", "▶ 两只钟一起走"],
  "clocks.run.hint": [
    "or move the slider below; a click on a row goes to its step",
    "也可以拖下面的滑块；点某一行，就跳到那一步",
  ],
  "clocks.training": ["Training", "训练"],
  "clocks.inference": ["Inference", "推理"],
  "clocks.training.who": ["teacher forcing: the reference supplies the inputs", "teacher forcing：输入由参考译文给"],
  "clocks.inference.who": ["autoregressive: the model supplies its own inputs", "自回归：输入是模型自己写的词"],
  "clocks.ticks": ["{done} of {all} ticks", "走了 {done} 下，一共 {all} 下"],
  "clocks.missing": [
    "This trace has no training half, because training needs a reference: a translation that is known to be right. Give one, and this clock stands here:",
    "这份记录里没有训练这一半：训练要有参考译文，也就是事先知道的正确答案。给一句，这里就会出现训练的钟：",
  ],

  "clocks.encoder": ["encoder", "编码器"],
  "clocks.reads": ["what the encoder reads", "编码器读到的"],
  "clocks.encoder.now": ["ticks now: all {n} tokens at once", "正在走：{n} 个 token 一次读完"],
  "clocks.encoder.kept": ["has ticked; its {n} rows of memory are kept", "走过了；算出的 {n} 行 memory 一直留着"],
  "clocks.encoder.again": ["no cache: all {n} tokens are read again at every step", "没有缓存：每一步都要把 {n} 个 token 重读一遍"],
  "clocks.input": ["decoder input", "解码器输入"],
  "clocks.labels": ["labels: what each position has to say", "标签：每个位置该说的词"],
  "clocks.chosen": ["chosen", "选出的词"],
  "clocks.tied": [
    "All of it comes from the reference. Each label is the next input: one sentence, shifted by one.",
    "全部来自参考译文。每个标签就是下一格的输入：同一句话，错开一位。",
  ],
  "clocks.unshifted": [
    "Without the shift each position is fed the very word that it has to say.",
    "去掉右移之后，每个位置读到的正是它要说的词。",
  ],
  "clocks.fed-back": [
    "Each word chosen is the next input. Until a step has chosen, the next box stays empty.",
    "选出的词就是下一格的输入。这一步没选出来，下一格就空着。",
  ],

  "clocks.fed": ["fed", "输入"],
  "clocks.label": ["label", "标签"],
  "clocks.loss": ["loss", "损失"],
  "clocks.chosen.short": ["chosen", "选了"],
  "clocks.grid.training": [
    "{n} positions of the decoder and the inputs that each may look at, all computed in one pass, with label and loss; the loss view has the same as a table",
    "解码器的 {n} 个位置各自能看到哪些输入，一遍算完；右边是标签和损失，“损失”一页有同样内容的表格",
  ],
  "clocks.grid.inference": [
    "{n} steps of the decoder and the inputs that each may look at, one row a step, with the word chosen and its probability; the loss view has the same as a table",
    "解码器的 {n} 步各自能看到哪些输入，一步一行；右边是选出的词和概率，“损失”一页有同样内容的表格",
  ],
  "clocks.grid.at-once": [
    "{n} rows at once. Row t looks at inputs 0 to t; the causal mask hides what is hatched.",
    "{n} 行一次算完。第 t 行只看第 0 到 t 个输入，斜线的格子被因果掩码挡住。",
  ],
  "clocks.grid.open": [
    "{n} rows at once. Nothing is hidden: every row also sees what comes after it.",
    "{n} 行一次算完。什么都没挡：每一行也看得到自己后面的词。",
  ],
  "clocks.grid.state": [
    "{n} rows from one call. This decoder has no attention to itself and no mask: it carries a state from row to row.",
    "一次调用算出 {n} 行。这个解码器没有自注意力，也没有 mask：状态一行一行往下传。",
  ],
  "clocks.grid.one": [
    "One row a step. Paler rows are not computed again: their keys and values lie in the cache.",
    "一步一行。颜色浅的行不会再算：它们的 K 和 V 在缓存里。",
  ],
  "clocks.grid.again": [
    "No cache: every step computes all rows so far again.",
    "没有缓存：每一步都把前面所有行重算一遍。",
  ],
  "clocks.grid.again-open": [
    "No cache and no mask: every step computes all rows so far again, and each sees all the others. Drawn is what each row saw when it was new.",
    "没有缓存，也没有 mask：每一步都把前面所有行重算一遍，而且每一行都看得到其他行。图里画的是每一行刚出现时看到的。",
  ],

  "clocks.cache": ["K/V cache", "K/V 缓存"],
  "clocks.cache.none": ["not needed: all rows are there in the same tick", "用不着：所有行在同一下里都算好了"],
  "clocks.cache.removed": ["none in this run", "这次运行没有缓存"],
  "clocks.cache.begun": ["{source} source rows from the encoder, computed once", "源端 {source} 行，来自编码器，只算一次"],
  "clocks.cache.held": [
    "{source} source rows, {before} written before, {new} new",
    "源端 {source} 行，之前写的 {before} 行，新增 {new} 行",
  ],
  "clocks.count.encoder": ["encoder passes", "编码器遍数"],
  "clocks.count.decoder": ["decoder passes", "解码器遍数"],
  "clocks.count.rows": ["decoder rows computed", "解码器算过的行"],
  "clocks.beams": [
    "The beam carries up to {beams} beginnings side by side, a row for each, so more rows are computed than the picture shows: it follows the beginning that won.",
    "束搜索最多同时保留 {beams} 个开头，每个占一行，所以算过的行比图里多：图里只画最后胜出的那一个。",
  ],
  "clocks.rivals": [
    "The winner was complete at t={t}. The decoder passes left over ({n}) served its rivals in the beam.",
    "胜出的译文在 t={t} 就写完了，剩下的 {n} 遍解码器是替束里的对手跑的。",
  ],

  "clocks.now.encoder.training": [
    "The encoder reads all {s} source tokens at once. The decoder has not run, yet its {n} inputs already stand there: the reference supplies them.",
    "编码器一次读完 {s} 个源端 token。解码器还没动，它的 {n} 个输入却已经摆好了：参考译文给的。",
  ],
  "clocks.now.encoder.inference": [
    "The encoder reads all {s} source tokens at once, just as in training. Of the decoder's inputs none is known but <s>.",
    "编码器一次读完 {s} 个源端 token，和训练时一样。解码器的输入这时只知道一个 <s>。",
  ],
  "clocks.now.training.first": [
    "All {n} rows are computed in this one tick. Row 0 is fed {fed}, the start sign, and has to say {label}: probability {p}, loss {loss}.",
    "这一下 {n} 行全部算完。第 0 行输入 {fed}（开始符），该说 {label}：概率 {p}，损失 {loss}。",
  ],
  "clocks.now.training.later": [
    "All {n} rows are computed in this one tick. Row {t} is fed {fed}, which the reference supplies: it is the label of row {u}. It has to say {label}: probability {p}, loss {loss}.",
    "这一下 {n} 行全部算完。第 {t} 行输入 {fed}，是参考译文给的，也就是第 {u} 行的标签。它该说 {label}：概率 {p}，损失 {loss}。",
  ],
  "clocks.now.training.unshifted": [
    "All {n} rows are computed in this one tick. Row {t} is fed {fed} and has to say {label}: probability {p}, loss {loss}.",
    "这一下 {n} 行全部算完。第 {t} 行输入 {fed}，该说 {label}：概率 {p}，损失 {loss}。",
  ],
  "clocks.now.training.missed": [
    "At row {u} the model would rather have said {own}; nobody feeds that back, and the input here stays {fed}.",
    "第 {u} 行模型本来想说 {own}，但不会喂回来：这里的输入照样是 {fed}。",
  ],
  "clocks.now.over.training": [
    "The labels ended at row {last}; training was done with all of them in one tick.",
    "标签到第 {last} 行就用完了，而且早在同一下里全部算完。",
  ],
  "clocks.now.one": ["Step {t} computes one row.", "第 {t} 步只算一行。"],
  "clocks.now.all": ["Step {t} computes rows 0 to {t} anew.", "第 {t} 步把第 0 到 {t} 行重新算一遍。"],
  "clocks.now.inference.first": [
    "It is fed {fed}, the start sign, and chooses {chosen}: probability {p}, rank {rank}.",
    "输入 {fed}（开始符），选了 {chosen}：概率 {p}，排第 {rank}。",
  ],
  "clocks.now.inference.later": [
    "It is fed {fed}, its own choice at step {u}, and chooses {chosen}: probability {p}, rank {rank}.",
    "输入 {fed}，是它自己在第 {u} 步选的；这一步选了 {chosen}：概率 {p}，排第 {rank}。",
  ],
  "clocks.now.ranked": [
    "Other words were more probable here; the sentence with this one scored best in the end.",
    "这里有更可能的词，但最后是含这个词的句子得分最高。",
  ],
  "clocks.now.end": ["That is the end sign, so the loop stops.", "选到了结束符，循环停止。"],
  "clocks.now.limit": ["The length limit stops the loop here.", "到了长度上限，循环停在这里。"],
  "clocks.now.over.inference": ["The loop had already stopped at step {last}.", "循环在第 {last} 步就停了。"],

  "clocks.same.title": ["One function, two schedules", "同一个函数，两种安排"],
  "clocks.same": [
    "Row t of training and step t of inference are the same computation on the same prefix. Only who supplies the prefix differs, and therefore when it can be computed.",
    "训练的第 t 行和推理的第 t 步，对同样的前文做的是同样的计算。区别只在前文由谁给，所以什么时候能算也就不同。",
  ],
  "clocks.same.holds": [
    "✓ Measured here: the model's own sentence was fed to one training pass, and its {n} rows gave the logits of the {n} steps of the loop. Largest difference {value}, allowed {limit}.",
    "✓ 在这句话上量过：把模型自己写的句子喂给一次训练式的前向计算，{n} 行的 logits 和循环里 {n} 步的一致。最大相差 {value}，上限 {limit}。",
  ],
  "clocks.same.fails": [
    "✗ Here it does not hold: the {n} rows of one training pass over the model's own sentence differ from the {n} steps of the loop by up to {value}, and {limit} is allowed.",
    "✗ 这里不成立：把模型自己写的句子喂给一次训练式的前向计算，{n} 行和循环里的 {n} 步最多相差 {value}，上限是 {limit}。",
  ],
  "clocks.code.training": ["one training pass:", "训练一遍："],
  "clocks.code.step": ["one step of the loop:", "循环里的一步："],
  "clocks.mask.title": ["Why does inference need no causal mask?", "推理为什么不需要因果掩码？"],
  "clocks.mask.training": [
    "In training all rows are computed together, and the answer of row t stands in the next column: it is input t+1. The mask hides it; here it hides {hidden} of {all} cells.",
    "训练时所有行一起算，第 t 行的答案就在下一列：它是第 t+1 个输入。掩码把它挡住，这里一共挡住 {all} 格里的 {hidden} 格。",
  ],
  "clocks.mask.inference": [
    "In inference with a cache, step t computes row t alone, and the cache holds positions 0 to t. Later words do not exist yet, so nothing is left to hide: the trace records the mask of this step as “{infer}”. Without the cache all rows so far are computed together again, and the mask is needed again.",
    "推理时有缓存，第 t 步只算第 t 行，缓存里只有第 0 到 t 个位置。后面的词还不存在，没有东西要挡：记录里这一步的 mask 写的是“{infer}”。不用缓存的话，前面各行又要一起算，掩码就又用得上了。",
  ],
  "clocks.mask.again": [
    "This run has no cache: each step computes all rows so far together, with the mask “{infer}”. With a cache a step computes row t alone, later words do not exist yet, and there is nothing to hide.",
    "这次运行没有缓存：每一步把前面所有行一起算，mask 是“{infer}”。有缓存时一步只算第 t 行，后面的词还不存在，没有东西要挡。",
  ],
  "clocks.to-masks": ["See both masks", "看两种 mask"],
  "clocks.to-loss": ["The loss of each row", "逐行看损失"],

  "clocks.own.title": ["One wrong word, and what the next step is fed", "错一个词，下一步喂什么？"],
  "clocks.own.lead": [
    "The same model twice: fed the reference's words, as in training, and fed its own most probable word at each step (greedy, without a beam), as in inference.",
    "同一个模型跑两次：一次喂参考译文的词，就是训练；一次喂它自己每步最可能的词（贪心，不用束搜索），就是推理。",
  ],
  "clocks.own.choice": ["Whose words are fed", "喂谁的词"],
  "clocks.own.reference": ["reference words", "参考译文的词"],
  "clocks.own.own": ["own words", "自己的词"],
  "clocks.own.fed": ["fed", "输入"],
  "clocks.own.says": ["says (✓ ✗: the label or not)", "输出（✓ ✗：是不是标签）"],
  "clocks.own.forced": [
    "What it says is compared with the label and goes nowhere. The next input comes from the reference.",
    "它说的词只和标签比一比，哪儿也不去。下一格的输入由参考译文给。",
  ],
  "clocks.own.free": [
    "What it says is the next input. Dashed: the first difference, and the input that it changes.",
    "它说的词就是下一格的输入。虚线框：第一处不同，以及因此变了的输入。",
  ],
  "clocks.own.same": [
    "On this sentence both say the same, so both are fed the same. A --reference in other words parts them.",
    "在这句话上两边说的一样，输入也就一样。换个说法的 --reference，就能看到两边分开。",
  ],
  "clocks.own.told": [
    "First difference: at t={t} the label is {label} and the model says {own}. In training the input at t={u} is {kept} all the same: the mistake costs a loss of {loss} and leaves every later input untouched. Fed its own words, the input at t={u} is {changed}, and of the {n} predictions that follow {k} came out different.",
    "第一处不同：t={t} 的标签是 {label}，模型说的是 {own}。训练时 t={u} 的输入照样是 {kept}：错了只算 {loss} 的损失，后面的输入都不受影响。喂自己的词时，t={u} 的输入变成 {changed}，之后的 {n} 个预测里有 {k} 个跟着变了。",
  ],
  "clocks.own.gap": [
    "The reference's word at t={u}, {next}, has probability {a} after the reference's words and {b} after its own.",
    "t={u} 处参考译文的词 {next}：前面喂参考译文时概率是 {a}，喂自己的词时是 {b}。",
  ],
  "clocks.own.at-end": [
    "The one difference stands at the end: at t={t} the label is {label} and the model says {own}. Training stops there with a loss of {loss}; fed its own words, the model goes on after it.",
    "只在最后不同：t={t} 的标签是 {label}，模型说的是 {own}。训练到这里为止，损失 {loss}；喂自己的词时，它会接着往下写。",
  ],
};

const LOSS = {
  "loss.tab": ["Loss", "损失"],
  "loss.title": ["The loss, step by step", "损失，一步一步看"],
  "loss.lead.training": [
    "Each row is one exercise: read the whole source and the reference so far, and say its next word. The loss of a row is −ln of the probability that the right word got: 0 for certainty, more the less it was expected.",
    "每一行是一道题：读完整个源句和参考译文的前一段，说出下一个词。一行的损失就是正确的词所得概率的 −ln：完全肯定是 0，越没想到越大。",
  ],
  "loss.lead.inference": [
    "Inference has no labels and therefore no loss: the table shows what each step chose and how probable it was.",
    "推理没有标签，也就没有损失：表里是每一步选了什么，概率多大。",
  ],
  "loss.to-training": ["Show the training table", "看训练的表"],
  "loss.missing": [
    "For labels and losses the trace needs a reference:",
    "要看标签和损失，得给一句参考译文：",
  ],
  "loss.hint": ["A click on a row, or Enter, opens its arithmetic.", "点一行，或按 Enter，打开它的算式。"],
  "loss.table": ["Time steps", "时间步"],
  "loss.t": ["t", "t"],
  "loss.source": ["encoder input (whole, in every row)", "编码器输入（每行都是整句）"],
  "loss.input": ["decoder input y[:t]", "解码器输入 y[:t]"],
  "loss.label": ["label y[t]", "标签 y[t]"],
  "loss.prediction": ["prediction", "预测"],
  "loss.p": ["p(label)", "p(标签)"],
  "loss.rank": ["rank", "排名"],
  "loss.loss": ["loss −ln p", "损失 −ln p"],
  "loss.smoothed": ["smoothed loss", "平滑后的损失"],
  "loss.chosen": ["chosen", "选了"],
  "loss.p.chosen": ["p(chosen)", "p(选的词)"],
  "loss.surprise": ["−ln p", "−ln p"],
  "loss.from": ["fed by", "输入来自"],
  "loss.from.start": ["start", "开始"],
  "loss.from.chosen": ["own choice", "自己选的"],

  "loss.sum": ["sum over {n} tokens", "{n} 个 token 合计"],
  "loss.mean": ["mean cross-entropy", "平均交叉熵"],
  "loss.perplexity": ["perplexity", "困惑度"],
  "loss.smoothed.mean": ["mean, smoothed", "平滑后的平均"],
  "loss.said": [
    "A mean of {mean} nats is a perplexity of exp({mean}) = {ppl}: on average as unsure as among {ppl} equally probable words. Guessing evenly among the {v} tokens of the vocabulary would cost ln {v} = {even}.",
    "平均 {mean} nat，困惑度就是 exp({mean}) = {ppl}：平均下来，相当于在 {ppl} 个同样可能的词里选。在词表的 {v} 个 token 里均匀地瞎猜，损失是 ln {v} = {even}。",
  ],
  "loss.logp": ["log-probability of the sentence", "整句的对数概率"],
  "loss.logp.mean": ["mean −ln p", "平均 −ln p"],
  "loss.logp.said": [
    "The search adds up ln p over the {n} steps: {sum}. Whole sentences compare by that sum divided by {n}^{a} (length penalty {a}): {score}. No label is ever seen.",
    "搜索把 {n} 步的 ln p 加起来：{sum}。整句之间比的是这个和除以 {n}^{a}（长度惩罚 {a}）：{score}。从头到尾都看不到标签。",
  ],

  "loss.top.title": ["The ten most probable tokens at t = {t}", "t = {t} 时最可能的十个 token"],
  "loss.top.none": ["The decoder has not run yet: nothing is predicted.", "解码器还没运行，没有预测。"],
  "loss.top.token": ["token", "token"],
  "loss.top.logit": ["logit", "logit"],
  "loss.top.label": ["label", "标签"],
  "loss.top.chosen": ["chosen", "选了"],
  "loss.top.rank": ["rank {rank}", "第 {rank} 名"],
  "loss.top.sum": [
    "logsumexp over all {v} logits is {lse}. Softmax turns each into p = exp(logit − {lse}); for {word}: exp({logit} − {lse}) = {p}.",
    "{v} 个 logit 的 logsumexp 是 {lse}。softmax：p = exp(logit − {lse})；比如 {word}：exp({logit} − {lse}) = {p}。",
  ],
  "loss.top.cut": ["The trace keeps no logits for this position; the probabilities are whole.", "这个位置的 logit 没有保留，概率是全的。"],
  "loss.top.barred": [
    "In the search p is among the tokens that may be written: <pad>, <unk> and <s> are left out.",
    "搜索里的 p 只在允许写的 token 里算：不含 <pad>、<unk> 和 <s>。",
  ],
  "loss.open": ["Show the arithmetic", "看算式"],

  "loss.sum.title": ["The loss at t = {t}", "t = {t} 的损失"],
  "loss.sum.chosen": ["The choice at t = {t}", "t = {t} 的选择"],
  "loss.sum.label": ["label:", "标签："],
  "loss.sum.derived": ["not among the ten kept; from p: ln p + logsumexp", "不在保留的十个里；由 p 反推：ln p + logsumexp"],
  "loss.sum.lse": ["ln Σ exp(logit) over {v} tokens", "{v} 个 token 的 ln Σ exp(logit)"],
  "loss.sum.stored": ["in the trace", "记录里是"],
  "loss.sum.smooth": ["Label smoothing, ε = {e}", "标签平滑，ε = {e}"],
  "loss.sum.target": [
    "The target is not all on the label: ε is spread evenly over the {v} tokens.",
    "目标不再全压在标签上：ε 平均分给 {v} 个 token。",
  ],
  "loss.sum.on-label": ["on the label:", "标签上："],
  "loss.sum.elsewhere": ["on every other token:", "其他每个 token："],
  "loss.sum.spread": [
    "mean of −ln p over all {v} tokens (from the two stored losses; the trace keeps only ten logits)",
    "所有 {v} 个 token 的 −ln p 的平均（由记录里的两个损失反推，logit 只保留了十个）",
  ],
  "loss.sum.smoothed": ["cross-entropy of that target", "对这个目标的交叉熵"],
  "loss.sum.least": [
    "Its least value is {least}, the entropy of the target: certainty is no longer the best answer.",
    "它最小是 {least}，也就是目标自己的熵：百分之百肯定不再是最好的答案。",
  ],
  "loss.sum.plain": ["No label smoothing (ε = 0): the smoothed loss is the loss.", "没有标签平滑（ε = 0）：平滑后的损失就是损失本身。"],
};

export const PROSE_CLOCKS = { ...CLOCKS, ...LOSS };
