# Prints the help of Makefiles: the names with `##` behind them, under the
# headings behind `##@`; of a variable its default too. Not here: what is said.
#
# A `%` stands for each program of a list, `bc` or `us`, as targets, variables
# and images call it: `build-bc-%`, `IMAGE_%_US`, and in what is said.

/^[A-Za-z_-]+ [?]= / {
	value = substr($0, index($0, "= ") + 2)
	if (value !~ /[$]/) preset[$1] = " (" value ")"
}

/^##@ / {
	# A section may go on in another file.
	if ($0 != heading) add("", substr($0, 5))
	heading = $0
}

/^[A-Za-z_%-]+:.*## / {
	name = substr($0, 1, index($0, ":") - 1)
	text = substr($0, index($0, "## ") + 3) preset[name]
	if (name !~ /%/) add(name, text)
	else each(name, text, tolower(name) ~ /[-_]bc/ ? bc : us)
}

function each(name, text, programs,    count, i, word, called, said) {
	count = split(programs, word)
	for (i = 1; i <= count; i++) {
		split(word[i], called, ":")
		said = name
		sub(/%/, name ~ /^build/ ? called[1] : called[2], said)
		add(said, text)
		sub(/%/, called[3], texts[lines])
	}
}

function add(name, text) {
	lines++
	names[lines] = name
	texts[lines] = text
	if (length(name) > width) width = length(name)
}

END {
	for (i = 1; i <= lines; i++) {
		if (names[i] == "") printf "\n%s\n", texts[i]
		else printf "  %-" width "s  %s\n", names[i], texts[i]
	}
}
