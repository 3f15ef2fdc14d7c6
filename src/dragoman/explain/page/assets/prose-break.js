/* What the view "Break it" says, in English and Simplified Chinese. Holds no text of a trace. */

export const PROSE_BREAK = {
  "break.tab": ["Break it", "拆开试试"],
  "break.title": ["Take a part away, and see what it was for", "拿掉一个零件，看看它是干什么的"],
  "break.lead": [
    "The same sentence through the same weights, with one part of the model removed. Pick a part and compare.",
    "同一句话，同一套权重，只拿掉模型的一个零件，再跑一遍。选一个零件，对比一下。",
  ],
  "break.parts": ["Part to remove", "拿掉哪个零件"],
  "break.part.causal_mask": ["causal mask", "因果 mask"],
  "break.part.shift": ["shift by one", "右移一位"],
  "break.part.scale": ["scale 1/√d", "缩放 1/√d"],
  "break.part.cache": ["cache", "缓存"],
  "break.part.positions": ["positions", "位置编码"],
  "break.part.encoder": ["encoder", "编码器"],
  "break.part.swap": ["Q from the wrong side", "Q 换错边"],
  "break.part.head": ["head {head} of {name}", "{name} 第 {head} 个头"],
  "break.remove.head": ["Silence this head", "让这个头闭嘴"],
  "break.in": ["of", "位于"],
  "break.pick": ["Pick a part: the server runs the sentence again without it.", "选一个零件，服务器会去掉它，把这句话重新跑一遍。"],
  "break.busy": ["Running the sentence again without: {part} …", "正在去掉“{part}”重新跑一遍……"],
  "break.failed": ["This could not be run:", "没能跑成："],
  "break.none": [
    "This file holds no comparisons: it was written without them, and a file cannot run the model. This command writes a page that has one for each part:",
    "这个文件里没有对比数据：写文件时没有带上，而文件自己跑不了模型。下面的命令写出的页面，每个零件都有一份对比：",
  ],
  "break.none.outside": [
    "None of these parts is in this model: it is no Transformer, and only a Transformer's parts can be removed.",
    "这个模型里没有这些零件：它不是 Transformer，只有 Transformer 的零件能拿掉。",
  ],

  "break.what.causal_mask": [
    "The causal mask hides from each row the tokens after it, first of all its own answer. This model learnt behind the mask, so it has never learnt to use what the mask hides.",
    "因果 mask 不让每一行看到后面的 token，首先就是它自己的答案。这个模型一直带着 mask 学习，从没学过怎么用被遮住的东西。",
  ],
  "break.what.shift": [
    "The shift by one makes each row predict the next token. Without it, a row is fed the very token that it has to predict. Only training is fed a reference, so inference stays as it was.",
    "右移一位，每一行才是在预测下一个 token。不移的话，喂进去的就是它要预测的那个 token。只有训练才喂参考译文，所以推理不受影响。",
  ],
  "break.what.scale": [
    "Scores are divided by the root of a head's width, here √{k}, so that wide heads do not drive softmax into a corner. Undivided, they spread {k2} times as far.",
    "分数要除以头宽度的平方根，这里是 √{k}，免得头一宽 softmax 就走极端。不除的话，分数的差距放大到 {k2} 倍。",
  ],
  "break.what.cache": [
    "The cache keeps the keys and values of the tokens before. Without it each step computes the whole prefix anew, and the encoder as well.",
    "缓存存着前面各个 token 的 key 和 value。没有它，每一步都得把整个前缀重算一遍，编码器也要重跑。",
  ],
  "break.what.positions": [
    "Attention by itself knows no order. Without positions the sentence is a bag of words.",
    "注意力本身不知道先后。没有位置编码，一句话就成了一袋词。",
  ],
  "break.what.encoder": [
    "The memory is all zeros: the decoder has nothing to read, and goes on as a language model of its own side.",
    "memory 全是零：解码器没有原文可读，只能当一个目标语言的语言模型接着写。",
  ],
  "break.what.swap": [
    "Q comes from the memory here, K and V from the decoder. So one answer comes out for each of the {s} source tokens, where one is needed for each target token: what is too much is cut, what is missing is zero.",
    "这里 Q 来自 memory，K 和 V 来自解码器。于是 {s} 个源端 token 各得到一个回答，而需要的是每个目标 token 一个：多的截掉，少的补零。",
  ],
  "break.what.head": [
    "This head still looks, but its values are zeros: it brings nothing back. The other heads may make up for it, or not.",
    "这个头照样看，但 value 全是零，什么也带不回来。别的头也许补得上，也许补不上。",
  ],
  "break.same": ["Here the translation stays the same.", "这一句的译文没有变。"],
  "break.changed": ["Here the translation changes (tokens that are gone: {n} of {all}).", "这一句的译文变了：原来的 {all} 个 token 里有 {n} 个不见了。"],
  "break.added": ["Here the translation changes (tokens added to its {all}: {n}).", "这一句的译文变了：原来的 {all} 个 token 都还在，多出 {n} 个。"],
  "break.loss.up": ["The training loss rises from {was} to {now} nats a token.", "训练损失从每个 token {was} nat 升到 {now}。"],
  "break.loss.down": ["The training loss falls from {was} to {now} nats a token.", "训练损失从每个 token {was} nat 降到 {now}。"],
  "break.loss.same": ["The training loss stays at {was} nats a token.", "训练损失还是每个 token {was} nat。"],
  "break.work": [
    "The decoder computes {now} rows instead of {was}, and the encoder runs {encoder} times instead of {once}.",
    "解码器要算 {now} 行，原来只要 {was} 行；编码器跑 {encoder} 遍，原来 {once} 遍。",
  ],
  "break.proofs": ["Checks that no longer hold without it: {list}.", "少了它，这些检查不再成立：{list}。"],

  "break.translation": ["What it writes", "写出来的译文"],
  "break.whole": ["whole model", "完整模型"],
  "break.without": ["without: {part}", "去掉：{part}"],
  "break.marked": ["Underlined tokens stand on one side only.", "带下划线的 token 只在其中一边出现。"],
  "break.numbers": ["The work it takes", "要花多少功夫"],
  "break.encoder_passes": ["encoder passes", "编码器遍数"],
  "break.decoder_passes": ["decoder passes", "解码器遍数"],
  "break.rows": ["decoder rows computed", "解码器算了几行"],
  "break.seconds": ["time of this one run, ms", "这一次运行的用时（毫秒）"],
  "break.mean": ["training loss a token, nats", "每个 token 的训练损失（nat）"],
  "break.uncached": [
    "It runs without a cache, which is right only behind a mask and with the memory's own keys. So the decoder computes each prefix anew, and the encoder too.",
    "它不用缓存：缓存只有在带 mask、key 来自 memory 的时候才成立。所以每个前缀都要重算，编码器也要重跑。",
  ],
  "break.losses": ["The training loss, step by step", "训练损失，逐步看"],
  "break.losses.what": [
    "For each reference token: how surprised the model was (−log p of the label). Higher is worse.",
    "参考译文的每个 token：模型有多意外（标签的 −log p）。越高越糟。",
  ],
  "break.at": ["t = {t}, label {word}: {was} → {now}", "t = {t}，标签 {word}：{was} → {now}"],
  "break.losses.none": [
    "This trace has no training mode, so there is no loss to compare. Give a reference translation to have one:",
    "这份记录没有训练模式，所以没有损失可比。给一个参考译文就有了：",
  ],
  "break.look.training": ["Where it looks: {name}, in training", "它在看哪里：{name}，训练时"],
  "break.look.inference": ["Where it looks: {name}, in inference", "它在看哪里：{name}，推理时"],
  "break.bits": ["spread: {bits} bits a row on average", "平均每行的熵：{bits} bit"],
  "break.future": ["{share} of the weight lies on tokens that come later", "{share} 的权重落在后面的 token 上"],
  "break.shape": ["{rows} rows, {cols} columns", "{rows} 行，{cols} 列"],
  "break.unseen": ["In inference there is no future to look at: the tokens to the right do not exist yet.", "推理时没有“后面”可看：右边的 token 还不存在。"],

  "break.learnt": ["And a model that is taught without the mask?", "那要是从一开始就不带 mask 学呢？"],
  "break.learnt.what": [
    "It learns to copy. Two small models were taught on random words, which nobody can guess better than 2.08 nats a token. With the mask the training loss ends at 2.10. Without it, at 0.00: the label stands in the input, one place to the right. But when that model writes by itself nothing stands there yet, and its loss is 6.77, far worse than a guess.",
    "它只会学会抄。拿随机的词教两个小模型，随机的词谁也猜不准，每个 token 最好也就 2.08 nat。带 mask 的，训练损失停在 2.10；不带的降到 0.00，因为标签就在输入里，往右一格。可等它自己写的时候，那一格还什么都没有，损失是 6.77，比瞎猜差得多。",
  ],
  "break.learnt.again": ["Run it yourself:", "自己跑一遍："],
};
