/* The sentences that explain a view, in English and Simplified Chinese. Holds no text of a trace. */

export const PROSE = {
  "start.tab": ["Start", "开始"],
  "start.title": ["Look inside this translation", "看看这次翻译的内部"],
  "start.lead": [
    "This is one real translation by the model {name}: {encoder} encoder layers, {decoder} decoder layers, {heads} heads, {d} numbers per word. Every colour on this page is a number of that run. Lines tie each written word to the source words its last cross-attention looked at.",
    "这是模型 {name} 的一次真实翻译：编码器 {encoder} 层，解码器 {decoder} 层，{heads} 个头，每个词 {d} 个数。页面上每一块颜色都是这次运行里的真实数值。连线表示：写每个词时，最后一层交叉注意力看了源端哪些词。",
  ],
  "start.q1": ["1 · What differs between training and inference?", "1 · 训练和推理差在哪？"],
  "start.q1.what": [
    "Training fills {rows} rows in one decoder pass, because the reference supplies every input. Inference needs a loop of {n} decoder passes, because each word is fed back in. Watch both clocks tick.",
    "训练时参考译文把每一步的输入都给好了，{rows} 行一遍算完；推理时每个词都要喂回去，解码器得循环 {n} 遍。两只钟并排走一遍就明白了。",
  ],
  "start.q2": ["2 · Who asks (Q), who answers (K, V)?", "2 · 谁提问（Q），谁回答（K、V）？"],
  "start.q2.what": [
    "In the upper attention of the decoder, the question comes from what is being written, the answers from what was read. See it with the numbers of one head.",
    "解码器上面那层注意力里，问题来自“正在写的”，答案来自“读进来的”。拿一个头的真实数字看一遍。",
  ],
  "start.see": ["Show me", "看给我看"],
  "start.read": ["source tokens", "个源端 token"],
  "start.encoder": ["encoder pass", "遍编码器"],
  "start.decoder": ["decoder passes", "遍解码器"],
  "start.tried": ["beam nodes", "个束搜索节点"],
  "start.proofs": ["checks passed", "项检查通过"],
  "start.keys": [
    "Keys: [ and ] move the time step, M switches training and inference, Tab reaches everything, arrow keys walk a matrix, Enter opens its arithmetic, Esc closes it.",
    "快捷键：[ 和 ] 前后走一步，M 切换训练和推理，Tab 能走到每个控件，方向键在矩阵里移动，Enter 打开算式，Esc 关掉。",
  ],
  "start.truncated": [
    "This sentence is long: tensors are kept for the first {source} source and {target} target tokens.",
    "句子比较长：张量只保留了前 {source} 个源端 token 和前 {target} 个目标端 token。",
  ],

  "text.tab": ["Text → ids", "文本 → id"],
  "text.title": ["From text to ids to vectors", "从文本到 id 再到向量"],
  "text.lead": [
    "The network never sees letters. Text is normalised, cut into pieces of a fixed vocabulary, and each piece becomes a number: the row of a table that holds its vector.",
    "网络看不到字符。文本先规范化，再切成词表里的片段，每个片段变成一个编号，也就是嵌入表里的行号。",
  ],
  "text.typed": ["What was typed", "原文"],
  "text.changed": ["Normalising changed it to:", "规范化之后："],
  "text.same": ["Normalising changed nothing.", "规范化没有改动任何字符。"],
  "text.source": ["What the encoder reads", "编码器读到的"],
  "text.target": ["What the decoder is fed", "喂给解码器的"],
  "text.target.what": [
    "It begins with <s>, before any word is known. Switch between training and inference below: the shape is the same, only who supplies the words differs.",
    "以 <s> 开头，这时一个词都还没有。用下面的开关切换训练和推理：形状一样，区别只是词由谁给。",
  ],
  "text.piece": ["piece", "片段"],
  "text.id": ["id", "id"],
  "text.vector": ["vector (embedding × √d + position)", "向量（嵌入 × √d + 位置）"],
  "text.norm": ["length", "长度"],
  "text.scaled": ["× √d", "× √d"],
  "text.byte": ["byte", "字节"],

  "attention.tab": ["Attention", "注意力"],
  "attention.title": ["Attention, layer by layer, head by head", "逐层逐头看注意力"],
  "attention.lead": [
    "Each row is one question and its weights sum to 1. Point at a cell to read it, open it for its arithmetic. Hatched cells are masked: not small, but forbidden.",
    "每一行是一次提问，权重加起来等于 1。指向格子看数值，点开看算式。画斜线的格子是被 mask 的：不是权重小，而是根本不许看。",
  ],
  "attention.hint": ["Point at a cell, or focus the matrix and use the arrow keys.", "把鼠标移到格子上，或者让矩阵获得焦点后用方向键。"],
  "attention.label": ["weights of {name}, head {head}", "{name} 第 {head} 个头的权重"],
  "attention.said": [
    "This head spreads {bits} bits on average, of {most} possible: 0 would be one word, all of them evenly the most. It looks most ({share}) at",
    "这个头的平均熵是 {bits} bit（最大 {most}）：0 表示只看一个词，最大表示平均看所有词。它看得最多的（{share}）是",
  ],
  "attention.lines": ["The same weights as lines", "同样的权重，画成连线"],
  "attention.all": ["All heads of this kind", "这一类的所有头"],
  "attention.all.what": ["Heads of one layer see the same words and look for different things. Pick one.", "同一层的头看到的是同样的词，找的东西却不一样。点一个看看。"],
  "attention.warn": [
    "A weight says where a head looked, not what the answer depended on. Attention is not explanation:",
    "权重说的是这个头看了哪里，不等于结果依赖哪里。注意力不是解释：",
  ],
};
