/* The interface in English and Simplified Chinese, side by side. Holds no text of a trace; {name} is filled in. */

import { PROSE } from "./prose.js";
import { PROSE_QKV } from "./prose-qkv.js";
import { PROSE_MASKS } from "./prose-masks.js";
import { PROSE_STREAM } from "./prose-stream.js";
import { PROSE_BREAK } from "./prose-break.js";
import { PROSE_QUIZ } from "./prose-quiz.js";
import { PROSE_CLOCKS } from "./prose-clocks.js";

const WORDS = {
  nav: ["Views", "视图"],
  close: ["Close", "关闭"],
  "drawer.title": ["Arithmetic", "算式"],
  removed: ["without {part}", "去掉了 {part}"],
  "theme.light": ["Light", "浅色"],
  "theme.dark": ["Dark", "深色"],
  "proof.failed": ["A check of this trace failed: {list}. Read the pictures with care.", "这份记录有检查没过：{list}。下面的图要小心看。"],
  training: ["Training", "训练"],
  inference: ["Inference", "推理"],
  limit: ["showing {n} of {all}", "只显示 {all} 个里的 {n} 个"],
  code: ["computed by", "计算代码"],
  head: ["head", "头"],
  layer: ["layer", "层"],
  kind: ["attention", "注意力"],
  word: ["word", "词"],
  weight: ["weight", "权重"],
  from: ["from", "来自"],
  masked: ["masked", "被 mask"],
  stage: ["stage of the computation", "算到哪一步"],
  "kind.encoder_self": ["encoder self-attention", "编码器自注意力"],
  "kind.decoder_self": ["decoder self-attention", "解码器自注意力"],
  "kind.cross": ["cross-attention", "交叉注意力"],
  "stage.scores": ["q·k", "q·k"],
  "stage.scaled": ["scaled", "缩放后"],
  "stage.masked": ["masked", "加 mask"],
  "stage.weights": ["softmax", "softmax"],

  "player.mode": ["Training or inference", "训练还是推理"],
  "player.step": ["Time step", "时间步"],
  "player.at": ["time step {t}", "第 {t} 步"],
  "player.play": ["Play", "播放"],
  "player.pause": ["Pause", "暂停"],
  "player.back": ["One step back", "后退一步"],
  "player.on": ["One step on", "前进一步"],
  "player.encoder": ["Encoder:", "编码器："],
  "player.encoder.what": ["all {n} source tokens are read at once; the decoder has not begun", "{n} 个源端 token 一次读完；解码器还没开始"],
  "player.fed": ["fed", "输入"],
  "player.says": ["says", "输出"],
  "player.label": ["label", "标签"],

  "map.none": ["This model has no layers of attention to draw a map of.", "这个模型没有注意力层，画不出结构图。"],
  "map.title": ["The Transformer, filled with this sentence", "用这句话填满的 Transformer"],
  "map.encoder": ["encoder layer", "编码器层"],
  "map.decoder": ["decoder layer", "解码器层"],
  "map.layer": ["layer {n} of {all}", "第 {n} / {all} 层"],
  "map.input.encoder": ["Inputs", "输入"],
  "map.input.decoder": ["Outputs (shifted right)", "输出（右移一位）"],
  "map.positions": ["positions", "位置编码"],
  "map.embedding": ["Embedding", "词嵌入"],
  "map.self.encoder": ["Multi-head|attention", "多头|自注意力"],
  "map.self.decoder": ["Masked|multi-head|attention", "带 mask 的|多头自注意力"],
  "map.cross": ["Multi-head|attention", "多头|交叉注意力"],
  "map.norm": ["Add & Norm", "Add & Norm"],
  "map.feed": ["Feed|forward", "前馈网络"],
  "map.memory": ["Memory", "memory"],
  "map.linear": ["Linear", "线性层"],
  "map.softmax": ["Softmax", "Softmax"],

  "axes.encoder_self": ["rows: source word that asks · columns: source word that is asked", "行：提问的源端词 · 列：被问的源端词"],
  "axes.decoder_self": ["rows: decoder position that asks · columns: decoder position that is asked", "行：提问的解码器位置 · 列：被问的解码器位置"],
  "axes.cross": ["rows: word about to be written (it asks, Q) · columns: source word (it answers, K and V)", "行：正要写的词（提问，Q） · 列：源端的词（回答，K 和 V）"],

  "cell.asks": ["asks:", "提问："],
  "cell.asked": ["is asked:", "被问："],
  "cell.bias": ["for the distance", "按距离加的"],
  "cell.terms": ["terms", "项"],
  "cell.stored": ["in the model", "模型里是"],
  "cell.open": ["the mask ({mask}) lets this pair through", "mask（{mask}）放行这一对"],
  "cell.hidden": ["the mask ({mask}) hides this key: the score becomes −∞", "mask（{mask}）挡住了这个 key：分数变成 −∞"],
  "cell.zero": ["exp(−∞) = 0: the weight is exactly 0, not just small", "exp(−∞) = 0：权重正好是 0，不是“很小”"],
  "cell.value": ["{p} of this word's value v goes into the answer", "这个词的 value v 有 {p} 混进结果"],
  "cell.half": ["The page stores numbers with 3 to 4 significant digits (float16); a last digit may differ.", "页面里的数存成 float16（3 到 4 位有效数字），末位可能有出入。"],
  "mix.feature": ["number {n} of the output", "输出的第 {n} 个数"],
  "mix.sum": ["all keys together:", "所有 key 加起来："],
};

const ALL = { ...WORDS, ...PROSE, ...PROSE_QKV, ...PROSE_MASKS, ...PROSE_STREAM, ...PROSE_CLOCKS, ...PROSE_BREAK, ...PROSE_QUIZ };

/** say("limit", { n: 3, all: 9 }) in one language; an unknown key is an error of the page, shown as itself. */
export function speaker(lang) {
  const which = lang === "zh" ? 1 : 0;
  return (key, values = {}) => {
    const pair = ALL[key];
    if (!pair) return key;
    return pair[which].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  };
}

export const KEYS_OF_WORDS = Object.keys(ALL);
