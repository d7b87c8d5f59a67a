using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace AkkaRegenCache.Testing.CommandLines;

/// <summary>What the command lines of the lab and the simulator have in common.</summary>
internal static class CommandLines
{
    /// <summary>Reads a command line: nothing in it stands for a file or a directive.</summary>
    public static ParseResult Read(this RootCommand command, IReadOnlyList<string> arguments)
    {
        command.Directives.Clear();
        foreach (var version in command.Options.OfType<VersionOption>().ToList())
            command.Options.Remove(version);
        return command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
    }

    /// <summary>What <c>--help</c> says, where it was asked for, or what is wrong, with the nearest names of what isn't known.</summary>
    public static string Answer(this ParseResult result)
    {
        if (result.Action is ParseErrorAction refusal)
            refusal.ShowHelp = false;
        using var text = new StringWriter();
        result.Invoke(new InvocationConfiguration { Output = text, Error = text });
        return text.ToString().Trim();
    }

    /// <summary>An option that takes a number within bounds.</summary>
    public static Option<T?> Number<T>(string name, T least, T most, string description, NumberStyles style = NumberStyles.AllowLeadingSign)
        where T : struct, INumber<T> => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = argument =>
        {
            var text = argument.Tokens[0].Value;
            if (T.TryParse(text, style, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
                return number;
            argument.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} takes a number from {least} to {most}, not '{text}'."));
            return null;
        },
    };

    /// <summary>An option that takes something by its name.</summary>
    /// <param name="name">The option.</param>
    /// <param name="find">Finds it; null: there is none of that name.</param>
    /// <param name="names">What there is.</param>
    /// <param name="description">What it is for.</param>
    public static Option<T?> Named<T>(string name, Func<string, T?> find, string names, string description)
        where T : class => new(name)
    {
        Description = description,
        HelpName = "NAME",
        CustomParser = argument =>
        {
            var text = argument.Tokens[0].Value;
            if (find(text) is { } found)
                return found;
            argument.AddError($"{name} knows no '{text}': {names}.");
            return null;
        },
    };
}
