/* The words of the page in English and Chinese. Holds no logic but the choice between them. */

const WORDS = {
  skip: ["Skip to the text", "跳到输入框"],
  tabs: ["Views", "页面"],
  "tab.translate": ["Translate", "翻译"],
  "tab.inside": ["Look inside", "看看里面"],
  history: ["History", "历史记录"],
  "history.clear": ["Clear history", "清空"],
  "history.note": ["It is kept in this browser only.", "只存在这个浏览器里，不会上传。"],
  "history.none": ["Nothing yet.", "还没有记录。"],
  close: ["Close", "关闭"],
  theme: ["Light or dark", "切换浅色、深色"],
  from: ["From", "原文语言"],
  to: ["To", "译文语言"],
  model: ["Model", "模型"],
  auto: ["Detect language", "自动识别"],
  detected: ["This is {0}", "识别为{0}"],
  "zh-Hant": ["Chinese (traditional)", "中文（繁体）"],
  "zh-Hans": ["Chinese (simplified)", "中文（简体）"],
  swap: ["Swap languages", "交换语言"],
  "swap.none": ["No model here translates the other way round", "这里没有反方向的模型"],
  source: ["Text to translate", "要翻译的文字"],
  hint: ["Type or paste text, or drop a file here", "输入或粘贴文字，也可以把文件拖进来"],
  output: ["Translation", "译文"],
  file: ["Translate a file", "翻译文件"],
  clear: ["Clear", "清除"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  working: ["Translating…", "正在翻译…"],
  options: ["Glossary and options", "术语表和选项"],
  glossary: ["Glossary", "术语表"],
  "glossary.help": ["One term a line: term = translation", "一行一条：原文 = 译文"],
  beam: ["Search width", "搜索宽度"],
  "beam.help": ["Wider is slower, and often a little better", "越宽越慢，译文往往会好一点"],
  "beam.own": ["As the model says", "按模型的设置"],
  html: ["The text is HTML: keep its tags", "原文是 HTML，保留标签"],
  key: ["API key", "API 密钥"],
  tips: [
    "Point at a word to see what it was made from; click it for other translations. In the translation, the arrow keys move from word to word.",
    "把鼠标移到译文的词上，能看到它对应原文的哪些词；点一下可以换别的译法。用键盘时，方向键逐词移动。",
  ],
  menu: ["Other translations", "别的译法"],
  "menu.none": ["No other translation was found.", "没有找到别的译法。"],
  "menu.own": ["or go on with…", "或者自己写下去…"],
  "menu.loading": ["Looking…", "正在找…"],
  drop: ["Drop the file to translate it", "松开鼠标，就开始翻译这个文件"],
  "file.working": ["being translated…", "正在翻译…"],
  "file.done": ["Download", "下载"],
  "file.format": ["This format is not known here. There are: {0}", "不支持这种格式。支持的格式有：{0}"],
  "file.large": ["The file is too large: at most {0} MB", "文件太大，最多 {0} MB"],
  offline: ["The server does not answer. Is it running?", "服务器没有回应。它还在运行吗？"],
  busy: ["The server is busy; trying again in a moment.", "服务器正忙，稍后自动重试。"],
  "too.long": ["The text is too long: at most {0} characters", "文字太长，最多 {0} 个字符"],
  foot: ["Translated by the server at this address; nothing goes anywhere else.", "由本站的服务器翻译，内容不会发到别处。"],
  api: ["API", "接口文档"],
  "flag.empty": ["The model found no words for this.", "模型没有给出译文。"],
  "flag.copied": ["The text was copied rather than translated.", "原文被照抄了，没有翻译。"],
  "flag.loop": ["The translation repeats itself: do not rely on it.", "译文在重复，不可靠。"],
  "flag.too_long": ["The translation breaks off.", "译文不完整，中途断了。"],
  "flag.low_confidence": ["The model is unsure of this translation.", "模型对这个译文没有把握。"],
  "flag.meaningless": ["The model's numbers say nothing: it may be damaged.", "模型给出的概率毫无意义，模型可能坏了。"],
  "inside.empty": ["Write something to translate first: then you can see how it was done.", "先输入一句话，再来看它是怎么译出来的。"],
  "inside.working": ["Opening the model…", "正在打开模型…"],
  "inside.first": ["Shown for the first sentence.", "只展示第一句。"],
};

let at = 0;

/** "en" or "zh". */
export function language() {
  return at ? "zh" : "en";
}

/** The tag that goes into a `lang` attribute. */
export function tag() {
  return at ? "zh-CN" : "en";
}

/** A sentence of the page; {0} and so on are replaced by `values`. */
export function say(key, ...values) {
  const text = WORDS[key]?.[at] ?? key;
  return text.replace(/\{(\d)\}/g, (_, number) => String(values[number] ?? ""));
}

/** How a language is called in the language of the page. */
export function languageName(code) {
  if (WORDS[code]) return say(code);
  try {
    return new Intl.DisplayNames([tag()], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** The language that was chosen before, or else the browser's. */
export function preferred() {
  const known = read("dragoman.language");
  return known === "en" || known === "zh" ? known : navigator.language.startsWith("zh") ? "zh" : "en";
}

/** Writes all words of the page in a language. */
export function speak(name) {
  at = name === "zh" ? 1 : 0;
  write("dragoman.language", language());
  document.documentElement.lang = tag();
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
    element.title = element.matches("button") ? say(element.dataset.label) : "";
  }
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = say(element.dataset.hint);
}

/** What this browser keeps; null where it keeps nothing (a private window may forbid it). */
export function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    /* full or forbidden: the page works without */
  }
}
