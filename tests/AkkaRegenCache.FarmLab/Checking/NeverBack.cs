using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>
/// What a node shows for a key never goes back to an older token within one life of the store (promise 6).
/// </summary>
/// <remarks>
/// A node shows what it answers without a wait. Somebody who waited gets the value of the run that was waited for, and may see it before
/// memory does; so a waited answer doesn't raise what later ones must reach, but it must reach it. A value that was made while the store
/// could not be asked has no token: it counts as the newest the node had shown before, and a little more (by its number). A set that waited for
/// the store had none either until it was taken; then it is newer than what was made without the store in between. A node hears of
/// a new life of the store only when it has a connection again, and what it makes until then belongs to the old one.
/// </remarks>
internal sealed class NeverBack : ICheck
{
    public IEnumerable<Violation> Check(LabLog log)
    {
        var tokens = new TokensOfSets(log);
        foreach (var series in log.Answers.Where(answer => answer.Value is not null).GroupBy(answer => (answer.Node, answer.Key)))
        {
            var shown = Ranked(series, tokens);
            foreach (var newer in shown.Where(view => view.FirstHit is not null))
            {
                foreach (var older in shown)
                {
                    if (newer.FirstHit < older.LastAsked && newer.Rank.CompareTo(older.Rank) > 0
                        && !log.NewEpochs.Any(life => life >= newer.Value.Begun - Checks.LeaseGrace && life <= older.LastAsked))
                    {
                        yield return new Violation(6, $"{series.Key.Node} went back on {series.Key.Key} from number {newer.Value.Number} "
                            + $"(token {newer.Rank.Token}) to number {older.Value.Number} (token {older.Rank.Token}), asked for "
                            + $"{LabClock.Milliseconds(older.LastAsked - newer.FirstHit.Value):0.0} ms after the newer one was shown", series.Key.Key);
                    }
                }
            }
        }
    }

    private static List<View> Ranked(IEnumerable<SeenAnswer> answers, TokensOfSets tokens)
    {
        var views = answers.GroupBy(answer => answer.Value!.Number).Select(same =>
        {
            var value = same.First().Value!;
            var hits = same.Where(answer => answer.IsHit && tokens.HadToken(value, answer.Completed)).ToList();
            return new View(
                value,
                hits.Count > 0 ? hits.Min(answer => answer.Completed) : null,
                same.Min(answer => answer.Completed),
                same.Max(answer => answer.Asked));
        }).OrderBy(view => view.First).ToList();

        var ranked = new List<View>();
        var hits = new List<(LabValue Value, long Token)>();
        foreach (var view in views)
        {
            var token = tokens.Of(view.Value);
            if (token == 0 && view.Value.IsSet)
                continue;
            var made = view.Value.Begun;
            ranked.Add(view with
            {
                Rank = (token == 0 ? hits.Where(hit => tokens.HadToken(hit.Value, made)).Select(hit => hit.Token).DefaultIfEmpty().Max() : token, view.Value.Number),
            });
            if (view.FirstHit is not null)
                hits.Add((view.Value, token));
        }

        return ranked;
    }

    private sealed record View(LabValue Value, long? FirstHit, long First, long LastAsked)
    {
        public (long Token, long Number) Rank { get; init; }
    }
}
