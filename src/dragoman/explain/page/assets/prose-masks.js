/* The sentences about masks and positions, in English and Simplified Chinese. Holds no text of a trace. */

export const PROSE_MASKS = {
  "masks.tab": ["Masks", "mask"],
  "masks.title": ["Who may look at whom", "谁能看谁"],
  "masks.lead": [
    "A mask does not make a weight small, it forbids it: the score becomes −∞, and exp(−∞) is exactly 0. There are two reasons to forbid: the column is padding, or it lies in the future.",
    "mask 不是让权重变小，而是禁止：分数变成 −∞，exp(−∞) 正好是 0。禁止的理由有两个：那一列是填充，或者那一列在后面。",
  ],
  "masks.which": ["Which mask", "哪个 mask"],
  "masks.encoder": ["padding: encoder", "填充：编码器"],
  "masks.cross": ["padding: cross", "填充：交叉"],
  "masks.causal": ["causal: decoder", "因果：解码器"],
  "masks.both": ["both together", "两个合起来"],
  "masks.encoder.what": [
    "The encoder of this sentence in a batch beside one that is {n} tokens longer: {n} columns are padding. {hidden} of {all} cells are shut.",
    "这句话和一句长 {n} 个 token 的话放在同一批：有 {n} 列是填充。{all} 格里关掉 {hidden} 格。",
  ],
  "masks.cross.what": [
    "The decoder asks the memory of the padded sentence: whatever is written, {n} columns are padding. {hidden} of {all} cells are shut.",
    "解码器去问补齐后的 memory：不管写到哪，都有 {n} 列是填充。{all} 格里关掉 {hidden} 格。",
  ],
  "masks.causal.what": [
    "Row t may look at columns 0 to t. {hidden} of {all} cells are shut: exactly those above the diagonal, where the answers stand.",
    "第 t 行只能看第 0 到 t 列。{all} 格里关掉 {hidden} 格，正好是对角线上方：答案都在那里。",
  ],
  "masks.both.what": [
    "Were this target padded by {n} tokens too, a cell would be open only where both masks allow it: {hidden} of {all} are shut. Padding stands at the end, so in every real row the causal mask has already hidden it. This is why the decoder needs no padding mask of its own.",
    "假如目标句也补 {n} 个 token，两个 mask 都放行的格子才开着：{all} 格里关掉 {hidden} 格。填充都在末尾，真实的行里因果 mask 已经把它们挡住了，所以解码器的自注意力不用另加填充 mask。",
  ],
  "masks.removed": [
    "The causal mask was removed from this trace: every row sees the whole target, later words too. {hidden} of {all} cells are shut.",
    "这份记录去掉了因果 mask：每一行都看得到整个目标句，包括后面的词。{all} 格里关掉 {hidden} 格。",
  ],
  "masks.axes": ["rows: who asks · columns: who is asked · hatched: shut", "行：谁提问 · 列：问谁 · 斜线：关着"],
  "masks.label": ["mask {name}: who may look at whom", "mask {name}：谁能看谁"],
  "masks.hint": ["Point at a cell: who may look at whom, and why not.", "指向一格，看谁能看谁、为什么不能。"],
  "masks.notraining": [
    "This trace has no training pass, so the words are those of the translation. Give a reference (dragoman explain --reference) to see the mask that training used.",
    "这份记录没有训练部分，这里用的是译文自己的词。加一句参考译文（dragoman explain --reference）就能看到训练时用的 mask。",
  ],
  "masks.yes": ["may look.", "可以看。"],
  "masks.no": ["may not look.", "不许看。"],
  "masks.why.open": ["Nothing stands between them.", "中间没有东西挡着。"],
  "masks.why.self": ["A position always sees itself.", "自己总能看到自己。"],
  "masks.why.padding": [
    "Column {c} is padding: no word of this sentence, only there to fill up the batch.",
    "第 {c} 列是填充：不是这句话的词，只是用来把一批补齐。",
  ],
  "masks.why.future": [
    "Column {c} comes after row {r}: at that point it is not written yet.",
    "第 {c} 列排在第 {r} 行后面：那时候它还没写出来。",
  ],
  "masks.why.label": [
    "It is the very label that row {r} has to predict.",
    "而且它正是第 {r} 行要预测的标签。",
  ],
  "masks.why.unwritten": [
    "When step {r} was computed, position {c} had not been written: there was nothing to hide.",
    "算第 {r} 步的时候，第 {c} 个位置还没写出来，没有东西要藏。",
  ],
  "masks.why.both": [
    "Column {c} is padding, and it comes after row {r}: shut for both reasons.",
    "第 {c} 列是填充，又排在第 {r} 行后面：两个理由都不许看。",
  ],
  "masks.why.padrow": [
    "This row is padding itself: it is computed, and nobody uses the answer.",
    "这一行自己就是填充：会算出来，但没有人用。",
  ],
  "masks.cache.title": ["Why inference needs no causal mask", "推理为什么不需要因果 mask"],
  "masks.cache.keys": ["keys at step {t}:", "第 {t} 步的 key："],
  "masks.cache.training": [
    "Training: all {all} keys are there at once. Row {t} may see {n} of them, and the mask has to hide {later}.",
    "训练：{all} 个 key 一次全有。第 {t} 行能看 {n} 个，剩下 {later} 个要靠 mask 挡住。",
  ],
  "masks.cache.inference": [
    "Inference: step {t} computes one row. The cache holds {before}, one is added, and the row asks all {after} keys. No later key exists.",
    "推理：第 {t} 步只算一行。缓存里有 {before} 个 key，加上新的一个，这一行问的就是全部 {after} 个，后面的 key 根本还没有。",
  ],
  "masks.cache.none": [
    "Without a cache, step {t} computes the whole prefix of {n} rows anew, so earlier rows need the triangle again.",
    "没有缓存时，第 {t} 步要把前面 {n} 行全部重算，前面的行就又需要这个三角形。",
  ],
  "masks.cache.why": [
    "The mask gives training the same blindness that inference has by nature. This is why both compute the same function.",
    "推理天生看不到后面，mask 让训练也看不到。所以两边算的是同一个函数。",
  ],
  "masks.batch": ["In a batch, beside a longer sentence", "放进一批，旁边有一句更长的"],
  "masks.batch.what": [
    "A batch is a rectangle. This sentence has {n} tokens, its neighbour {to}, so {extra} tokens of padding are put at its end:",
    "一批数据必须是矩形。这句话 {n} 个 token，旁边那句 {to} 个，所以末尾补 {extra} 个：",
  ],
  "masks.batch.cross": [
    "Cross-attention needs this mask too: the memory then has {to} rows, and {extra} of them were made from padding. Softmax gives every open column some weight, so an open column of padding would always be listened to.",
    "交叉注意力也需要这个 mask：这时 memory 有 {to} 行，其中 {extra} 行来自填充。softmax 会给每个开着的列一点权重，填充列只要开着，就总会被听进去一点。",
  ],
  "masks.batch.gone": [
    "Where the last layer looked in the batch was not kept for this trace.",
    "这份记录没有保留最后一层在这一批里看了哪里。",
  ],
  "masks.batch.looked": [
    "Where the last cross-attention looked in that batch (mean of its heads):",
    "最后一层交叉注意力在这一批里看了哪里（各头平均）：",
  ],
  "masks.batch.label": ["last cross-attention in the padded batch, mean of heads", "补齐后的批里最后一层交叉注意力，各头平均"],
  "masks.batch.zero": ["padding: {x}", "填充：{x}"],
  "masks.batch.found": [
    "The largest weight on padding is {onPadding}. Beside the weights of the sentence alone, the largest difference is {apart} (both are stored in three digits).",
    "落在填充上的最大权重是 {onPadding}。和这句话单独翻译时的权重相比，最大相差 {apart}（两边都只存三位有效数字）。",
  ],
  "masks.proof": [
    "Measured here (pad_free): alone and in the batch, the logits differ by at most {value}; allowed is {limit}.",
    "实测（pad_free）：单独翻译和放进这一批，logits 最多相差 {value}，允许 {limit}。",
  ],
  "masks.proof.failed": [
    "The check pad_free FAILED: logits differ by {value}, allowed is {limit}.",
    "检查 pad_free 没过：logits 相差 {value}，允许 {limit}。",
  ],

  "positions.tab": ["Positions", "位置"],
  "positions.title": ["How order gets in", "词序是怎么进去的"],
  "positions.lead.sinusoidal": [
    "Attention alone cannot tell which word came first. So a vector of waves is added to each word: one row for each position, fast waves on the left, slow ones on the right. Point at a cell.",
    "光靠注意力分不出谁先谁后。所以给每个词加上一个由波组成的向量：每个位置一行，左边的波快，右边的波慢。指向一格看看。",
  ],
  "positions.lead.learned": [
    "Attention alone cannot tell which word came first. This model learnt one vector for each position and adds it to the word. There is no formula: these are trained weights.",
    "光靠注意力分不出谁先谁后。这个模型给每个位置学了一个向量，加到词上。没有公式，这些都是训练出来的权重。",
  ],
  "positions.lead.rotary": [
    "Attention alone cannot tell which word came first. This model adds nothing to the words (rotary positions): in each head, pairs of numbers of q and k are turned by an angle that grows with the position. Shown are the sines and cosines of those angles.",
    "光靠注意力分不出谁先谁后。这个模型不往词上加东西（rotary）：在每个头里，把 q 和 k 的数两两一组转一个角度，位置越靠后转得越多。下面是这些角度的正弦和余弦。",
  ],
  "positions.lead.alibi": [
    "Attention alone cannot tell which word came first. This model adds nothing to the words (ALiBi): in each self-attention, a score loses a fixed amount for each word between query and key, much in some heads and little in others. So the table below is all zeros; the amounts stand in each cell of the attentions.",
    "光靠注意力分不出谁先谁后。这个模型不往词上加东西（ALiBi）：在每个自注意力里，query 和 key 每隔远一个词，分数就减去固定的一点，有的头减得多，有的头减得少。所以下面的表全是 0，减了多少要在注意力的格子里看。",
  ],
  "positions.lead.grid": [
    "Attention alone cannot tell which word came first. This model lays the words out in rows, as the patches of an image, and adds two vectors of waves: half the numbers tell the row, half the column.",
    "光靠注意力分不出谁先谁后。这个模型像切图片那样把词排成一行一行，再加上由波组成的向量：一半的数说的是第几行，另一半说的是第几列。",
  ],
  "positions.lead.other": [
    "Attention alone cannot tell which word came first. This model tells order in a way that this page has no words for (positions = {name}). The table shows what it adds to the words; what it does inside the attentions is in their numbers.",
    "光靠注意力分不出谁先谁后。这个模型表示词序的办法（positions = {name}），这个页面没有专门的说明。表里是它加到词上的数；它在注意力里做了什么，要看那里的数字。",
  ],
  "positions.none": ["This model has no position table: it reads word after word, so the order is in the loop.", "这个模型没有位置表：它一个词一个词地读，顺序就在循环里。"],
  "positions.removed": [
    "In this trace positions were removed: the table shows what would have been added.",
    "这份记录去掉了位置：表里是本来会加上去的数。",
  ],
  "positions.label": ["position table: {n} positions, {d} numbers each", "位置表：{n} 个位置，每个 {d} 个数"],
  "positions.fast": ["← fast: one wave in {wave} positions", "← 快：{wave} 个位置一个周期"],
  "positions.slow": ["slow: one in {wave} →", "慢：{wave} 个位置 →"],
  "positions.column": ["number of the vector", "向量里的第几个数"],
  "positions.column.n": ["number {column}", "第 {column} 个数"],
  "positions.formula.error": [
    "The trace holds {n} positions of this sentence; the page computes the paler rows up to {all} by the same formula, which gives the stored ones to within {error}.",
    "记录里有这句话用到的 {n} 个位置；更淡的行（到 {all} 行为止）由页面用同一个公式算出，和存下的数最多差 {error}。",
  ],
  "positions.cell": ["Position {position}, number {column}", "位置 {position}，第 {column} 个数"],
  "positions.stored": ["in the trace", "记录里是"],
  "positions.beyond": ["not of this sentence ({n} positions)", "这句话用不到（只有 {n} 个位置）"],
  "positions.wave.sinusoidal": [
    "Even numbers are sines, odd ones cosines of the same angle. This pair (i = {i}) comes round once in {wave} positions.",
    "偶数位是正弦，奇数位是同一个角度的余弦。这一对（i = {i}）每 {wave} 个位置转一圈。",
  ],
  "positions.wave.rotary": [
    "At this position, pair {i} of every q and k is turned by {angle} radians; it comes round once in {wave} positions.",
    "在这个位置，每个 q 和 k 的第 {i} 对数转 {angle} 弧度；每 {wave} 个位置转一圈。",
  ],
  "positions.curve": ["number {column} over the positions, and {partner} beside it", "第 {column} 个数随位置的变化，旁边是第 {partner} 个"],
  "positions.lengths": ["How long a position is beside a word", "位置向量和词向量，谁长"],
  "positions.at": ["position {position}", "位置 {position}"],
  "positions.source": ["encoder", "编码器"],
  "positions.target": ["decoder", "解码器"],
  "positions.nothing": ["no word here", "这里没有词"],
  "positions.token": ["embedding", "嵌入"],
  "positions.scaled": ["× √D", "× √D"],
  "positions.position": ["position", "位置"],
  "positions.sum": ["sum", "相加"],
  "positions.lengths.said": [
    "In this sentence a source word is {token} long on average and {scaled} after × √{d}; its position is {place} long.",
    "这句话里，源端词向量平均长 {token}，乘上 √{d} 之后是 {scaled}，位置向量长 {place}。",
  ],
  "positions.lengths.shorter": [
    "Without × √{d}, the word would be shorter than its position.",
    "要是不乘 √{d}，词向量就比位置向量还短。",
  ],
  "positions.lengths.zero": ["Nothing was added here: the position is 0 long.", "这里没有加东西：位置向量长度是 0。"],
  "positions.lengths.rotary": [
    "With rotary positions nothing is added to the words, so the position is 0 long: order comes in later, in every attention.",
    "用 rotary 时，词上不加任何东西，所以位置向量长度是 0：词序是后来在每个注意力里进去的。",
  ],
  "positions.lengths.alibi": [
    "With ALiBi nothing is added to the words, so the position is 0 long: order comes in later, in the scores of every self-attention.",
    "用 ALiBi 时，词上不加任何东西，所以位置向量长度是 0：词序是后来在每个自注意力的分数里进去的。",
  ],
  "positions.noembedding": ["This trace has no embeddings.", "这份记录里没有嵌入。"],
  "positions.alike": ["How alike positions are", "位置之间有多像"],
  "positions.alike.sinusoidal": [
    "The dot product of any two rows. It depends on the distance alone, so a head can learn “three words back” once, for everywhere in the sentence.",
    "任意两行的点积。它只跟距离有关，所以一个头学会“往前数三个词”，在句子哪里都能用。",
  ],
  "positions.alike.learned": [
    "The dot product of any two rows. Nothing forces learnt rows to depend on the distance alone.",
    "任意两行的点积。学出来的行不一定只跟距离有关。",
  ],
  "positions.alike.rotary": [
    "The dot product of any two rows. It depends on the distance alone, and so do the products of turned queries and keys.",
    "任意两行的点积，只跟距离有关。转过之后的 q 和 k 的点积也一样，只看两者相隔多远。",
  ],
  "positions.alike.grid": [
    "The dot product of any two rows. It depends on how many rows and columns of the grid lie between them, not on the distance in the sentence.",
    "任意两行的点积。它取决于两个位置在网格里隔几行几列，跟在句子里隔多远没有直接关系。",
  ],
  "positions.alike.hint": ["Point at a pair of positions.", "指向一对位置。"],
  "positions.alike.same": ["p{r} · p{c} = {x}: all pairs {apart} apart have the same.", "p{r} · p{c} = {x}：相隔 {apart} 的每一对都一样。"],
  "positions.alike.range": ["p{r} · p{c} = {x}: pairs {apart} apart go from {low} to {high}.", "p{r} · p{c} = {x}：相隔 {apart} 的各对从 {low} 到 {high}。"],
};
