import { TARGETS } from "../targets";
import { OPTIONS, UsageError, type Context } from "./context";
import { optionsOf, USAGES, type CommandName, type OptionName } from "./usage";

/** Scripts by which shells complete commands, options and names: `completion`. */

const NAMES = Object.keys(USAGES) as CommandName[];

const flagsOf = (name: CommandName): OptionName[] => [...(Object.keys(optionsOf(name)) as OptionName[]), "help"];

/** Options whose values are files or folders, which shells know best. */
const isFile = (name: CommandName, option: OptionName): boolean =>
  /^(FILE|DIR)$/.test(optionsOf(name)[option]?.[1] ?? "");

const targetNames = (): string => TARGETS.map((target) => target.name).join(" ");

function bash(): string {
  const flags = NAMES.map(
    (name) =>
      `    ${name}) words="${flagsOf(name)
        .map((f) => `--${f}`)
        .join(" ")}" ;;`,
  );
  return `_gatewright() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${NAMES.join(" ")} --help --version" -- "$word"))
    return
  fi
  if [ "$before" = --target ]; then
    COMPREPLY=($(compgen -W "${targetNames()}" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]} $word" in
    "completion -"*|"help -"*) ;;
    "completion "*) words="${Object.keys(SHELLS).join(" ")}" ;;
    "help "*) words="${NAMES.join(" ")}" ;;
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    return
  fi
  case "$word" in -*) ;; *) return ;; esac
  case "\${COMP_WORDS[1]}" in
${flags.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _gatewright gatewright
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(): string {
  // What zsh reads as its own in a description.
  const told = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");
  const options = (name: CommandName): string =>
    Object.entries(optionsOf(name))
      .map(([option, [what, value]]) => {
        const many = OPTIONS[option as OptionName];
        const of = isFile(name, option as OptionName) ? "_files" : option === "target" ? `(${targetNames()})` : " ";
        const takes = value === undefined ? "" : `:${told(value)}:${of}`;
        return quoted(`${"multiple" in many ? "*" : ""}--${option}[${told(what)}]${takes}`);
      })
      .join(" ");
  const restOf = (name: CommandName): string => {
    if (name === "completion") return `'1:shell:(${Object.keys(SHELLS).join(" ")})'`;
    return name === "help" ? `'1:command:(${NAMES.join(" ")})'` : "'*:file:_files'";
  };
  const cases = NAMES.map(
    (name) => `    ${name}) _arguments '--help[what it takes]' ${options(name)} ${restOf(name)} ;;`,
  );
  const commands = NAMES.map((name) => quoted(`${name}:${told(USAGES[name].summary)}`));
  return `#compdef gatewright
_gatewright() {
  local -a commands
  commands=(${commands.join(" ")})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local chosen="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$chosen" in
${cases.join("\n")}
  esac
}
compdef _gatewright gatewright
`;
}

/** By the first word: a file may be called as a command is. */
const chosen = (name: CommandName): string => `'set -l said (commandline -opc); test "$said[2]" = ${name}'`;
const NONE_YET = "'test (count (commandline -opc)) -eq 1'";

function fish(): string {
  const commands = NAMES.map(
    (name) => `complete -c gatewright -n ${NONE_YET} -f -a ${name} -d ${quoted(USAGES[name].summary)}`,
  );
  const options = NAMES.flatMap((name) =>
    Object.entries(optionsOf(name)).map(([option, [what, value]]) => {
      const of =
        option === "target" ? ` -f -a ${quoted(targetNames())}` : isFile(name, option as OptionName) ? "" : " -f";
      const takes = value === undefined ? "" : ` -r${of}`;
      return `complete -c gatewright -n ${chosen(name)} -l ${option} -d ${quoted(what)}${takes}`;
    }),
  );
  const words = [
    `complete -c gatewright -n ${chosen("completion")} -f -a ${quoted(Object.keys(SHELLS).join(" "))}`,
    `complete -c gatewright -n ${chosen("help")} -f -a ${quoted(NAMES.join(" "))}`,
    "complete -c gatewright -l help -d 'what it takes'",
    `complete -c gatewright -n ${NONE_YET} -l version -d 'of Gatewright'`,
  ];
  return `${[...commands, ...options, ...words].join("\n")}\n`;
}

const SHELLS: Readonly<Record<string, () => string>> = { bash, zsh, fish };

/** `completion` on the command line. */
export function completionCommand({ args: [shell = ""], output }: Context): number {
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (!script) throw new UsageError(`Name the shell: ${Object.keys(SHELLS).join(", ")}.`);
  output.out(script());
  return 0;
}
