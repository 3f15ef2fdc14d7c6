/* The sentences about Q, K and V and about heads, in English and Simplified Chinese. Holds no text of a trace. */

export const PROSE_QKV = {
  "qkv.tab": ["Q · K · V", "Q · K · V"],
  "qkv.title": ["Who asks (Q), who answers (K, V)?", "谁提问（Q），谁回答（K、V）？"],
  "qkv.lead": [
    "A query asks, keys say who can answer, values are the answers. Follow one head of one attention from the streams it is fed from to the vector it brings back.",
    "query 提问，key 说明“我能答什么”，value 是答案本身。这里跟着一个头走一遍：从它取数的地方，一直到它带回来的向量。",
  ],
  "qkv.none": [
    "This model only tells where it looked. It has no Q, K and V: trace a Transformer to see them.",
    "这个模型只告诉我们它看了哪里，里面没有 Q、K、V。换一个 Transformer 模型就能看到。",
  ],
  "qkv.parted": [
    "Q comes from {q}, what is being written. K and V come from {k}, what was read.",
    "Q 来自 {q}，也就是“正在写的”；K 和 V 来自 {k}，也就是“读进来的”。",
  ],
  "qkv.alike": [
    "Self-attention: Q, K and V all come from {q}, so all three arrows have one colour. The sentence asks itself.",
    "自注意力：Q、K、V 都来自 {q}，所以三支箭头一个颜色。这句话在问自己。",
  ],
  "qkv.swapped": [
    "The sides are swapped in this trace: Q comes from {q}, K and V from {k}.",
    "这份记录里两边对调了：Q 来自 {q}，K 和 V 来自 {k}。",
  ],
  "qkv.flow": ["Where Q, K and V come from", "Q、K、V 从哪来"],
  "qkv.pale": [
    "Pale rows are not computed yet at this step. Frames mark who asks and, in K and V, who is asked.",
    "淡的行在这一步还没算。框出来的是提问的行，K 和 V 里框的是被问的词。",
  ],
  "qkv.picture": ["{part}: {rows} rows of {cols} numbers", "{part}：{rows} 行，每行 {cols} 个数"],
  "qkv.now.cross": ["t = {t}, about to write", "t = {t}，正要写"],
  "qkv.now.decoder_self": ["t = {t}, fed", "t = {t}，输入"],
  "qkv.stream.decoder": ["the decoder's stream", "解码器这一路"],
  "qkv.stream.encoder": ["the encoder's stream", "编码器这一路"],
  "qkv.stream.memory": ["the encoder's output", "编码器的输出"],
  "qkv.q.role": ["“What do I need?”", "“我需要什么？”"],
  "qkv.k.role": ["“What am I?”", "“我是什么？”"],
  "qkv.v.role": ["“What do I have to say?”", "“我能说什么？”"],
  "qkv.weights.role": ["who is listened to", "听谁的"],
  "qkv.output": ["head output", "头的输出"],
  "qkv.output.role": ["{n} rows, as many as Q", "{n} 行，和 Q 一样多"],
  "qkv.row": ["One question, worked out", "把一次提问算一遍"],
  "qkv.row.hint": [
    "Step {t} asks {n} keys. Point at a word to see its dot product number by number; open it for the whole sum.",
    "第 {t} 步问 {n} 个 key。指向一个词，看点积怎么一项项加出来；点开看完整的算式。",
  ],
  "qkv.row.hint.untimed": [
    "All rows are computed at once; pick who asks. Point at a word to see its dot product, open it for the whole sum.",
    "所有行一次算完，选一个提问的词。指向别的词看点积，点开看完整的算式。",
  ],
  "qkv.notyet": [
    "The decoder has not begun: nobody asks yet. Move to step 0.",
    "解码器还没开始，还没有人提问。走到第 0 步看看。",
  ],
  "qkv.notkept": [
    "The sentence is long, and the numbers of step {t} were not kept.",
    "句子太长，第 {t} 步的数值没有保留。",
  ],
  "qkv.asker": ["who asks", "谁提问"],
  "qkv.asked": ["who is asked", "问谁"],
  "qkv.absent": ["not there yet", "还不存在"],
  "qkv.sum": ["add up weight × v: the answer of this head (open a cell for its sum)", "把 权重 × v 加起来，就是这个头的回答（点一格看它怎么加）"],
  "qkv.pair": ["q · k =", "q · k ="],
  "qkv.pair.label": [
    "The {n} products of q and k; the largest is number {i}: {product}",
    "q 和 k 的 {n} 个乘积，最大的是第 {i} 个：{product}",
  ],
  "qkv.pair.said": [
    "{n} products. The loudest is number {i}: {product}. All positive ones make {plus}, all negative ones {minus}; together",
    "一共 {n} 个乘积。分量最重的是第 {i} 个：{product}。正的加起来 {plus}，负的加起来 {minus}，合计",
  ],
  "qkv.pair.all": ["all {n} terms", "全部 {n} 项"],
  "qkv.pair.open": ["from this score to its weight", "从这个分数算到权重"],
  "qkv.why.q.title": ["Why Q comes from there", "Q 为什么从那里来"],
  "qkv.why.q.cross": [
    "Every position that is written needs one answer, so the one that writes has to ask. The output has as many rows as Q: Q {q} → weights {w} → output {out}.",
    "每个要写的位置都得拿到一个回答，所以由写的一方来问。输出的行数跟着 Q：Q {q} → 权重 {w} → 输出 {out}。",
  ],
  "qkv.why.q.else": [
    "Had Q come from the memory, {S} rows would come out, one for each word that was read; the decoder needs {T}, one for each word that is written.",
    "如果 Q 取自 memory，出来的是 {S} 行，每个读进来的词一行；而解码器要的是 {T} 行，每个要写的词一行。",
  ],
  "qkv.why.q.same": [
    "Here both sides happen to have {T} rows, so the shapes alone would not tell. But rows from the memory would each belong to a word that was read, not to one that is written.",
    "这句话碰巧两边都是 {T} 行，光看形状看不出区别。但取自 memory 的行对应的是读进来的词，不是要写的词。",
  ],
  "qkv.why.q.decoder_self": [
    "Each of the {T} decoder positions asks the positions up to itself: what has been written so far? Q {q} → weights {w} → output {out}.",
    "解码器的 {T} 个位置，每个都问自己和前面的位置：到现在写了什么？Q {q} → 权重 {w} → 输出 {out}。",
  ],
  "qkv.why.q.encoder_self": [
    "Each of the {T} source words asks all of them: which of you matter to me? Q {q} → weights {w} → output {out}.",
    "源句的 {T} 个词，每个都问所有的词：你们谁跟我有关？Q {q} → 权重 {w} → 输出 {out}。",
  ],
  "qkv.why.q.swap": [
    "Here Q was taken from the memory, so {T} rows come out, one for each word that was read. The decoder needs {S}, one for each that is written: the rest is cut, or filled with zeros.",
    "这里 Q 取自 memory，所以出来 {T} 行，每个读进来的词一行。解码器要的是 {S} 行，每个要写的词一行：多的截掉，少的补零。",
  ],
  "qkv.why.kv.title": ["Why K and V come from there", "K 和 V 为什么从那里来"],
  "qkv.why.kv.cross": [
    "The answers lie in what was read. Each of the {S} keys names one value, so K {k} and V {k} always have the same number of rows. Neither of them depends on t: projected once, kept, and asked again at every step.",
    "答案在读进来的句子里。{S} 个 key，每个后面有一个 value，所以 K {k} 和 V {k} 的行数总是一样。它们都和 t 无关：投影一次存起来，每一步都来问。",
  ],
  "qkv.why.kv.decoder_self": [
    "What has been written is asked about what has been written. In inference K and V grow by one row a step, and the old rows stay in the cache; in training all {S} rows are there at once, and the causal mask hides the later ones.",
    "拿写过的问写过的。推理时 K 和 V 每一步长一行，旧的行留在缓存里；训练时 {S} 行一次全有，靠因果 mask 挡住后面的。",
  ],
  "qkv.why.kv.encoder_self": [
    "The words that answer are the words that ask: K {k} and V {k} come from the same {S} rows as Q, all at once.",
    "回答的和提问的是同一批词：K {k}、V {k} 和 Q 一样来自这 {S} 行，一次算完。",
  ],
  "qkv.why.kv.swap": [
    "K and V were taken from the decoder, so what was read can only ask. It never gets to answer.",
    "K 和 V 取自解码器，读进来的词就只能提问，没机会回答。",
  ],
  "qkv.once": [
    "Measured here (encoder_once): encoder passes for {steps} steps: {passes}. The encoder or the keys were computed anew {value} times.",
    "实测（encoder_once）：{steps} 步里编码器跑了 {passes} 遍，编码器和 key 被重新计算 {value} 次。",
  ],
  "qkv.once.failed": [
    "The check encoder_once FAILED: something was computed anew {value} times in {steps} steps (limit {limit}).",
    "检查 encoder_once 没过：{steps} 步里有东西被重新计算了 {value} 次（上限 {limit}）。",
  ],
  "qkv.why.scale.title": ["Why divide by √K", "为什么要除以 √K"],
  "qkv.why.scale": [
    "A dot product is a sum of {width} terms, and the longer the sum, the wider it swings. Within a row, the scores of this head have a variance of {before}; once each is divided by √{width} = {root}, it is {after}.",
    "点积是 {width} 项的和，项数越多，起伏越大。这个头每一行分数的方差平均是 {before}，每个分数除以 √{width} = {root} 之后是 {after}。",
  ],
  "qkv.why.scale.sharper": [
    "With the scale, a row spreads its weight over {bits} bits on average, of {most} possible. The same scores without it: {undivided} bits. Softmax is then nearer to picking a single word, where hardly any gradient is left to learn from.",
    "缩放之后，每行权重平均有 {bits} bit（最多 {most}）。同样的分数不缩放，就只有 {undivided} bit：softmax 更接近只挑一个词，那时几乎没有梯度可学。",
  ],
  "qkv.why.scale.same": [
    "With the scale, a row spreads its weight over {bits} bits on average, of {most} possible; without it, over {undivided}. For this head it makes no sharper row.",
    "缩放之后，每行权重平均有 {bits} bit（最多 {most}），不缩放是 {undivided} bit。对这个头来说，不缩放并没有更尖锐。",
  ],
  "qkv.why.scale.note": [
    "Computed from the stored scores of this head. A model trained without the scale would have learnt other numbers.",
    "由这个头存下的分数算出。如果训练时就没有缩放，学到的会是另一套数。",
  ],
  "qkv.why.scale.gone": [
    "The scale was removed from this trace: scores go into the softmax as they are, with a variance of {before} within a row and {bits} of {most} bits.",
    "这份记录去掉了缩放：分数直接进 softmax，每行方差 {before}，权重 {bits} bit（最多 {most}）。",
  ],
  "qkv.why.code": ["Where it is computed", "在哪里算的"],
  "qkv.removed": ["This trace was made without: {part}.", "这份记录去掉了：{part}。"],

  "heads.tab": ["Heads", "多头"],
  "heads.title": ["One vector, cut into heads", "一个向量，切成多个头"],
  "heads.lead": [
    "Heads are no separate networks: one wide vector is cut into equal pieces, and each piece asks on its own. Below is the vector of one word, before and after the cut.",
    "多头不是好几个网络：一个宽向量等分成几段，每段各问各的。下面是一个词的向量，切之前和切之后。",
  ],
  "heads.part": ["which vector is cut", "切哪个向量"],
  "heads.memory": ["its row of the memory {shape}", "它在 memory 里的那一行 {shape}"],
  "heads.wide": ["its {part} = {from} × {W}, {D} numbers {shape}", "它的 {part} = {from} × {W}，{D} 个数 {shape}"],
  "heads.rotary": [
    "With rotary positions, q and k have been turned by their position after the cut.",
    "这个模型用 rotary 位置：q 和 k 切开之后，还按位置转过一个角度。",
  ],
  "heads.cut": ["cut into {H} pieces of {K}: nothing is mixed, nothing is lost", "切成 {H} 段，每段 {K} 个数：不混合，也不丢"],
  "heads.each": ["each head compares its own {K} numbers, and brings back {K} numbers", "每个头只比自己那 {K} 个数，带回来也是 {K} 个数"],
  "heads.merge": ["set side by side again {shape}", "再并排接回去 {shape}"],
  "heads.after": [
    "Only now are the {H} answers mixed: × W_O, {D} by {D}, and the result is added to the stream.",
    "到这里 {H} 份回答才混到一起：× W_O（{D}×{D}），结果加回主干。",
  ],
  "heads.shapes": ["The shapes, in order", "形状，按顺序"],
  "heads.onerow": [
    "Shown for all steps together. With a cache, each step of inference computes one of these rows.",
    "这里把所有步合在一起写。有缓存时，推理每一步只算其中一行。",
  ],
  "heads.at.x": ["[batch, rows, D]: what comes in", "[批, 行, D]：进来的"],
  "heads.at.memory": ["[batch, source, D]: the encoder's output", "[批, 源, D]：编码器的输出"],
  "heads.at.q": ["one projection for all heads", "所有头共用一次投影"],
  "heads.at.k": ["one row for each word that is asked", "每个被问的词一行"],
  "heads.at.v": ["one row for each word that is asked", "每个被问的词一行"],
  "heads.at.split": ["cut, then heads moved to the front", "先切开，再把头换到前面"],
  "heads.at.scores": ["each head: every row × every key", "每个头：每一行 × 每个 key"],
  "heads.at.weights": ["rows sum to 1", "每行和为 1"],
  "heads.at.heads": ["each head's mix of values", "每个头混出来的 value"],
  "heads.at.merged": ["heads side by side again", "各个头并排接回"],
  "heads.at.output": ["× W_O", "× W_O"],
  "heads.rank": ["All heads, in order", "所有头，排个序"],
  "heads.all": ["all", "全部"],
  "heads.by": ["in order of", "排序依据"],
  "heads.by.entropy": ["entropy (bits)", "熵（bit）"],
  "heads.by.distance": ["distance to the diagonal", "离对角线的距离"],
  "heads.by.special": ["looks at </s>", "看 </s> 的比例"],
  "heads.by.entropy.what": [
    "The sharpest first: 0 bits would be a head that looks at one word only. Pick one to open it.",
    "最尖锐的排前面：0 bit 表示只看一个词。点一个打开看。",
  ],
  "heads.by.distance.what": [
    "The closest first: how many tokens away a head looks, on average. In cross-attention the diagonal runs from the first word of both sides to the last of both.",
    "最近的排前面：这个头平均看多少个 token 以外。交叉注意力的对角线从两边的第一个词连到两边的最后一个词。",
  ],
  "heads.by.special.what": [
    "The most first: the share of weight on the special token, which is </s> of the source and <s> of the decoder. Often a place to rest for a head that has found nothing.",
    "最多的排前面：权重落在特殊 token 上的比例（源端是 </s>，解码器是 <s>）。一个头没找到东西时，常常停在那里。",
  ],
  "heads.warn": [
    "These say where a head looks, not what it is good for. To know that, remove the head and see what changes.",
    "这些数只说头看了哪里，不说它有什么用。想知道有没有用，得把它去掉再看结果变不变。",
  ],
  "heads.short.encoder_self": ["enc", "编"],
  "heads.short.decoder_self": ["dec", "解"],
  "heads.short.cross": ["cross", "交叉"],
  "heads.nospecial": [
    "Some heads are left out: the sentence is long, and the column of their special token was not kept.",
    "有些头没列出来：句子太长，它们的特殊 token 那一列没有保留。",
  ],
};
