using Xunit;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>Callers of one node that have asked for the same key.</summary>
internal sealed class Answers(FarmNode node, IReadOnlyList<Task<string>> calls)
{
    /// <summary>All callers of all these nodes are answered, with this value.</summary>
    public static Task AllAreAsync(string value, params IReadOnlyList<Answers> answers) => AllAreAsync([value], answers);

    /// <summary>All callers of all these nodes are answered, each with one of these values.</summary>
    public static async Task AllAreAsync(IReadOnlyList<string> allowed, params IReadOnlyList<Answers> answers)
    {
        var said = new List<(string Node, string Value)>();
        foreach (var each in answers)
            said.AddRange(await each.SaidAsync());
        Assert.True(
            said.TrueForAll(each => allowed.Contains(each.Value)),
            $"Answers must be '{string.Join("' or '", allowed)}': "
                + string.Join(", ", said.GroupBy(each => each).Select(group => $"{group.Key.Node} said '{group.Key.Value}' to {group.Count()}")));
    }

    public void AssertNoneYet() =>
        Assert.True(calls.All(call => !call.IsCompleted), $"{node.Name} has answered {calls.Count(call => call.IsCompleted)} of {calls.Count} callers already.");

    private async Task<IEnumerable<(string Node, string Value)>> SaidAsync()
    {
        // One deadline for all: who isn't answered by then never is.
        await Task.WhenAny(Task.WhenAll(calls), Task.Delay(Eventually.Deadline));
        return calls.Select(call => (node.Name, call switch
        {
            { IsCompletedSuccessfully: true } => call.Result,
            { IsCompleted: true } => call.Exception?.InnerException?.Message ?? "cancelled",
            _ => "nothing",
        }));
    }
}
