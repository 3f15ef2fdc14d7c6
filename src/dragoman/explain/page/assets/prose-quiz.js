/* What the quiz asks and says, in English and Simplified Chinese. Holds no answer: those are computed from the trace. */

export const PROSE_QUIZ = {
  "quiz.tab": ["Quiz", "小测验"],
  "quiz.title": ["Did you see it? A quiz about this translation", "看明白了吗？就这次翻译考考你"],
  "quiz.lead": [
    "{n} questions, made from this trace and checked against it. Each answer tells why, and where to see it.",
    "{n} 道题，都出自这份记录，答案也按它来核对。每答一题，都会告诉你为什么、在哪里能看到。",
  ],
  "quiz.untaught": [
    "Questions about training need a trace with a reference translation; this one has none.",
    "关于训练的题要有参考译文才能出，这份记录里没有。",
  ],
  "quiz.none": ["This trace is too short to ask anything that has one clear answer.", "这份记录太短，出不了答案唯一的题。"],
  "quiz.number": ["Question {n} of {all}", "第 {n} 题，共 {all} 题"],
  "quiz.right": ["Right.", "对。"],
  "quiz.wrong": ["No.", "不对。"],
  "quiz.answer": ["The answer is: {answer}.", "答案是：{answer}。"],
  "quiz.see": ["See it: {view}", "去看看：{view}"],
  "quiz.progress": ["{n} of {all} answered, {right} right", "已答 {n} / {all} 题，答对 {right} 题"],
  "quiz.score": ["{right} of {all} right.", "{all} 题答对 {right} 题。"],
  "quiz.score.all": ["Everything right: you can tell training from inference, and Q from K and V.", "全对：训练和推理、Q 和 K、V，你都分得清了。"],
  "quiz.score.some": ["The views of the questions you missed show the rest; then try again.", "答错的题，去对应的视图看一眼，再来一遍。"],
  "quiz.again": ["Start again", "重新开始"],

  "quiz.place": ["t = {t}: {word}", "t = {t}：{word}"],
  "quiz.word": ["{word}", "{word}"],
  "quiz.plain": ["{x}", "{x}"],

  "quiz.hidden": [
    "In training, row t = {t} is fed {word}. Which of these inputs may it not look at?",
    "训练时，第 t = {t} 行喂进去的是 {word}。下面哪个输入它不许看？",
  ],
  "quiz.hidden.why": [
    "The causal mask lets row {t} look at inputs 0 to {t}. Input {c} comes later: from {next} on, the inputs hold its answer.",
    "因果 mask 只让第 {t} 行看第 0 到第 {t} 个输入。第 {c} 个在后面：从第 {next} 个输入起，答案就写在里面了。",
  ],

  "quiz.fed": [
    "In training, at t = {t}, the model would have said {said}, but the label is {word}. What is the decoder fed at t = {next}?",
    "训练时，t = {t} 这一步模型想说 {said}，标签却是 {word}。那 t = {next} 喂给解码器的是什么？",
  ],
  "quiz.fed.suppose": [
    "In training, at t = {t}, the label is {word}. Had the model said its second guess {said} instead, what would the decoder be fed at t = {next}?",
    "训练时，t = {t} 的标签是 {word}。假如模型说成了它的第二选择 {said}，t = {next} 喂给解码器的会是什么？",
  ],
  "quiz.fed.why": [
    "Teacher forcing: every input comes from the reference, shifted by one. What the model says is only held against the label, in the loss.",
    "这就是 teacher forcing：每一步的输入都来自参考译文，右移一位。模型说了什么，只拿去和标签算损失。",
  ],

  "quiz.passes": [
    "How often did the encoder and the decoder run to write this translation?",
    "写出这句译文，编码器和解码器各跑了几遍？",
  ],
  "quiz.passes.option": ["encoder {e} ×, decoder {d} ×", "编码器 {e} 遍，解码器 {d} 遍"],
  "quiz.passes.why": [
    "The source stays as it is, so the encoder runs once. Each step of the loop needs the word chosen before it, so the decoder runs once a step: {d} times.",
    "原文不会变，编码器跑一遍就够。循环的每一步都要用上一步选出的词，解码器一步跑一遍，一共 {d} 遍。",
  ],
  "quiz.passes.why.longer": [
    "The source stays as it is, so the encoder runs once. Each step of the loop needs the word chosen before it, so the decoder runs once a step: {d} times. This translation has {n} tokens; the search went on until no other beginning of its beam could still win.",
    "原文不会变，编码器跑一遍就够。循环的每一步都要用上一步选出的词，解码器一步跑一遍，一共 {d} 遍。这句译文只有 {n} 个 token，后面几步是在等束里别的开头确定赢不了。",
  ],
  "quiz.passes.why.anew": [
    "Without a cache the encoder runs at every step as well: {e} times, and the decoder {d} times.",
    "没有缓存，编码器也得每步重跑：{e} 遍；解码器 {d} 遍。",
  ],

  "quiz.together": [
    "In training this sentence has {n} labels, so {n} losses. How many decoder passes gave them?",
    "训练时这句话有 {n} 个标签，也就是 {n} 个损失。解码器跑了几遍算出来的？",
  ],
  "quiz.together.why": [
    "The reference supplies all inputs at once, and the causal mask keeps each row from seeing later ones: all {n} rows are computed side by side, in {d} pass.",
    "参考译文把所有输入一次给齐，因果 mask 又保证每一行看不到后面：{n} 行并排算，{d} 遍就算完。",
  ],

  "quiz.loop": ["In inference, what is the decoder fed at t = {t}?", "推理时，t = {t} 喂给解码器的是什么？"],
  "quiz.loop.why": [
    "In inference there is no reference: the token chosen at t = {before} is the input of t = {t}.",
    "推理时没有参考译文：t = {before} 选出的 token 就是 t = {t} 的输入。",
  ],

  "quiz.origin": ["Where do Q, K and V of {name} come from?", "{name} 的 Q、K、V 从哪里来？"],
  "quiz.origin.x.memory": ["Q from the decoder, K and V from the memory", "Q 来自解码器，K 和 V 来自 memory"],
  "quiz.origin.memory.x": ["Q from the memory, K and V from the decoder", "Q 来自 memory，K 和 V 来自解码器"],
  "quiz.origin.x.x": ["all three from the decoder", "三个都来自解码器"],
  "quiz.origin.memory.memory": ["all three from the memory", "三个都来自 memory"],
  "quiz.origin.why": [
    "The question comes from what is being written, the answers from what was read: the memory is what the encoder put out.",
    "问题来自正在写的，回答来自读进来的：memory 就是编码器的输出。",
  ],

  "quiz.rows": [
    "{name} gets Q of {t} rows, and K and V of {s} rows. How many rows does it give back?",
    "{name} 的 Q 有 {t} 行，K 和 V 各有 {s} 行。它的输出有几行？",
  ],
  "quiz.rows.why": [
    "One answer for each question: {t}, as many as Q has rows. The {s} rows of K and V are only what each answer is mixed from.",
    "每个问题一个回答：{t} 行，和 Q 一样多。K 和 V 的 {s} 行只是拿来调配回答的料。",
  ],

  "quiz.split": [
    "Q of {name} has the shape {shape}. Which shape has it once it is split into {heads} heads?",
    "{name} 的 Q 形状是 {shape}。分成 {heads} 个头之后是什么形状？",
  ],
  "quiz.split.why": [
    "The {d} numbers of each row are cut into {heads} pieces of {k}, and the head moves in front of the position.",
    "每行的 {d} 个数切成 {heads} 段，每段 {k} 个；头这一维再移到位置前面。",
  ],

  "quiz.looks": [
    "Which source token does head {head} of {name} look at most when {word} (t = {t}) is about to be written?",
    "要写 {word}（t = {t}）的时候，{name} 第 {head} 个头看得最多的是哪个源端 token？",
  ],
  "quiz.looks.why": ["{p} of its weight lies there; {second} comes next, with {q}.", "那里占了 {p} 的权重；其次是 {second}，{q}。"],

  "quiz.loss": ["Which label had the highest training loss?", "训练损失最高的是哪个标签？"],
  "quiz.loss.why": ["The model gave it a probability of {p}, and −ln of that is {loss}. It would have said {said}.", "模型只给了它 {p} 的概率，取 −ln 就是 {loss}。模型想说的是 {said}。"],
  "quiz.loss.why.first": ["The model gave it a probability of {p}, and −ln of that is {loss}. It was its first choice all the same.", "模型只给了它 {p} 的概率，取 −ln 就是 {loss}；不过它仍然是模型的首选。"],

  "quiz.cache": [
    "How many target positions did the cache of the decoder's self-attention hold before step t = {t}?",
    "t = {t} 这一步开始之前，解码器自注意力的缓存里存着几个目标位置？",
  ],
  "quiz.cache.why": [
    "Steps 0 to {last} added one each, so {before}. Step {t} computes its own row alone and adds it.",
    "第 0 步到第 {last} 步各存了一个，所以是 {before} 个。第 {t} 步只算自己这一行，再存进去。",
  ],

  "quiz.explains": [
    "In the last cross-attention, {a} of all weight rests on {word}. What does that show?",
    "最后一层交叉注意力里，全部权重有 {a} 落在 {word} 上。这说明什么？",
  ],
  "quiz.explains.right": [
    "where the heads looked; how much depends on it has to be measured",
    "只说明头看了哪里；结果有多依赖它，得另外测",
  ],
  "quiz.explains.cause": ["that {a} of the translation depends on {word}", "说明译文有 {a} 取决于 {word}"],
  "quiz.explains.most": ["that {word} matters most of all source tokens", "说明源端 token 里 {word} 最重要"],
  "quiz.explains.broken": ["that the proofs of this trace have failed", "说明这份记录的检查没通过"],
  "quiz.explains.why": [
    "Blanking the value of each source token in turn, {word} makes {b} of the difference, not {a}. Attention is not explanation.",
    "把每个源端 token 的 value 轮流清零再看：{word} 造成的差别只占 {b}，不是 {a}。注意力不是解释。",
  ],
};
