/* SPDX-License-Identifier: MIT */
/*
 * The completion scripts: what a shell needs to ask `picket __complete` (complete.h) and to show its answer. Nothing of
 * the table is in them, so that a script of one version serves every other.
 *
 * The program that is asked is the one on the command line if it is a path (~/picket/bin/picket), else picket of PATH,
 * so that an alias or another name (docker=picket) is served as well.
 */
#include "cmd/complete/complete.h"

/*
 * bash breaks words at COMP_WORDBREAKS, which holds : and =, and replaces only what is behind the last break. So the
 * words are put together again from the line, and what stands before the break is taken off the candidates.
 */
static const char bash_script[] =
	"# bash completion of picket. For another name of it: complete -F _picket docker\n"
	"_picket() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} word i rest candidate head=words at cur before IFS=$' \\t\\n'\n"
	"\tlocal -a words=()\n"
	"\trest=$line\n"
	"\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\t[[ $i -eq $COMP_CWORD && $rest != *\"$word\" ]] && word=${rest##*[[:space:]]}\n"
	"\t\tif [[ $i -gt 0 && $rest != [[:space:]]* && ( $word == [:=]* || ${words[-1]} == *[:=] ) ]]; then\n"
	"\t\t\twords[-1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\t\trest=${rest#*\"$word\"}\n"
	"\tdone\n"
	"\tcur=${words[-1]}\n"
	"\tbefore=${cur%\"${cur##*[:=]}\"}\n"
	"\tlocal program=picket\n"
	"\t[[ $1 == */picket ]] && program=${1/#\\~\\//$HOME/}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r candidate; do\n"
	"\t\tif [[ $head == words && ${#COMPREPLY[@]} -eq 0 && $candidate =~ ^(words|files|dirs)(\\ ([0-9]+))?$ ]]; "
	"then\n"
	"\t\t\thead=${BASH_REMATCH[1]} at=${BASH_REMATCH[3]}\n"
	"\t\telse\n"
	"\t\t\tCOMPREPLY+=(\"${candidate#\"$before\"}\")\n"
	"\t\tfi\n"
	"\tdone < <(\"$program\" __complete bash -- \"${words[@]:1}\" 2>/dev/null)\n"
	"\tif [[ $head == files || $head == dirs ]]; then\n"
	"\t\tlocal part=${cur:at} fixed=${cur:0:at}\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t[[ $head == dirs ]] && i=-d || i=-f\n"
	"\t\twhile IFS= read -r candidate; do\n"
	"\t\t\tcandidate=$fixed$candidate\n"
	"\t\t\tCOMPREPLY+=(\"${candidate#\"$before\"}\")\n"
	"\t\tdone < <(compgen $i -- \"$part\")\n"
	"\tfi\n"
	"\t[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=/] ]] && compopt -o nospace 2>/dev/null\n"
	"\treturn 0\n"
	"}\n"
	"complete -F _picket picket\n";

static const char zsh_script[] =
	"#compdef picket\n"
	"# zsh completion of picket. For another name of it that is no alias: compdef _picket docker\n"
	"_picket() {\n"
	"\tlocal program=picket head line name text\n"
	"\tlocal -a answer names open shown open_shown words_before\n"
	"\tlocal -i width=0\n"
	"\t[[ $words[1] == */picket ]] && program=${~words[1]}\n"
	"\twords_before=(\"${(@Q)words[2,CURRENT-1]}\")\n"
	"\tanswer=(\"${(@f)$(command $program __complete zsh -- \"${words_before[@]}\" \"${(Q)PREFIX}\" "
	"2>/dev/null)}\")\n"
	"\thead=$answer[1]\n"
	"\tanswer=(\"${(@)answer[2,-1]}\")\n"
	"\tfor line in \"${(@)answer}\"; do\n"
	"\t\t[[ -n $line ]] || continue\n"
	"\t\tname=${line%%$'\\t'*}\n"
	"\t\t((${#name} > width && ${#name} < 40)) && width=${#name}\n"
	"\tdone\n"
	"\tfor line in \"${(@)answer}\"; do\n"
	"\t\t[[ -n $line ]] || continue\n"
	"\t\tname=${line%%$'\\t'*}\n"
	"\t\ttext=$name\n"
	"\t\t[[ $line == *$'\\t'* ]] && text=\"${(r:width:)name}  -- ${line#*$'\\t'}\"\n"
	"\t\tif [[ $name == *[:=/] ]]; then\n"
	"\t\t\topen+=(\"$name\") open_shown+=(\"$text\")\n"
	"\t\telse\n"
	"\t\t\tnames+=(\"$name\") shown+=(\"$text\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tlocal -i found=1\n"
	"\tif (($#names)); then\n"
	"\t\tif [[ $answer[1] == *$'\\t'* ]]; then compadd -l -d shown -a names && found=0\n"
	"\t\telse compadd -a names && found=0; fi\n"
	"\tfi\n"
	"\tif (($#open)); then\n"
	"\t\tif [[ $answer[1] == *$'\\t'* ]]; then compadd -S '' -l -d open_shown -a open && found=0\n"
	"\t\telse compadd -S '' -a open && found=0; fi\n"
	"\tfi\n"
	"\tif [[ $head == (files|dirs)\\ * ]]; then\n"
	"\t\tcompset -p ${head#* }\n"
	"\t\tif [[ $head == dirs* ]]; then _files -/ && found=0; else _files && found=0; fi\n"
	"\tfi\n"
	"\treturn found\n"
	"}\n"
	"if [[ $funcstack[1] == _picket ]]; then _picket \"$@\"; else compdef _picket picket; fi\n";

static const char fish_script[] =
	"# fish completion of picket. For another name of it that is no alias: complete -c docker -w picket\n"
	"function __picket_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l current (string unescape -- (commandline -ct))\n"
	"\tset -l program picket\n"
	"\tstring match -q '*/picket' -- $words[1]; and set program $words[1]\n"
	"\tset -e words[1]\n"
	"\tset -l answer (command $program __complete fish -- $words \"$current\" 2>/dev/null)\n"
	"\tset -l head (string split ' ' -- $answer[1])\n"
	"\tset -e answer[1]\n"
	"\tset -q answer[1]; and printf '%s\\n' $answer\n"
	"\tif contains -- \"$head[1]\" files dirs\n"
	"\t\tset -l fixed (string sub -l $head[2] -- \"$current\")\n"
	"\t\tset -l part (string sub -s (math $head[2] + 1) -- \"$current\")\n"
	"\t\tset -l lister __fish_complete_path\n"
	"\t\tif test $head[1] = dirs\n"
	"\t\t\tset lister __fish_complete_directories\n"
	"\t\t\tset part (string escape -n -- \"$part\")\n"
	"\t\tend\n"
	"\t\tfor path in ($lister \"$part\")\n"
	"\t\t\tprintf '%s%s\\n' \"$fixed\" $path\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c picket -f -a '(__picket_complete)'\n";

void print_bash_completion(FILE *out)
{
	fputs(bash_script, out);
}

void print_zsh_completion(FILE *out)
{
	fputs(zsh_script, out);
}

void print_fish_completion(FILE *out)
{
	fputs(fish_script, out);
}
